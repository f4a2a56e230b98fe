"""What a model's processor says through `warnings`, heard by one thread at a time.

`warnings.catch_warnings` changes the whole process: of two threads that overlap in it the one loses the other's
warnings, and the last to leave may put back what the first had set. The processor comes with the model, whose code is
not to be changed, so whoever listens to it does it through here.
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator

_ONE_AT_A_TIME = threading.Lock()


@contextlib.contextmanager
def heard_warnings() -> Iterator[list[warnings.WarningMessage]]:
    """Every warning that is given meanwhile goes into the list that this yields, and nowhere else."""
    with _ONE_AT_A_TIME, warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        yield heard
