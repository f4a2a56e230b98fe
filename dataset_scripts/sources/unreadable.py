"""What is said where a file of an archive cannot be read."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from dataset_scripts.record import EcgInputError

# The machine's trouble and not the record's: a record dropped for it would be missing on this machine alone.
_MACHINES = {errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM}


def refuse_unreadable(what: str, error: OSError) -> NoReturn:
    """Raises what a file that the operating system does not read comes to.

    Args:
        what: was to be read, for example "record r1".
        error: of the system.

    Raises:
        EcgInputError: the file is a folder, may not be read, or lies on a damaged disk.
        OSError: `error` itself, where the machine has no memory, disk or open file left.
    """
    if error.errno in _MACHINES:
        raise error
    reason = (error.strerror or str(error)).partition("\n")[0]
    where = f" at {error.filename}" if error.filename else ""
    raise EcgInputError(
        f"{what} cannot be read ({type(error).__name__}: {reason}{where}); "
        "look whether the file may be read, or unpack or download it again"
    ) from error


@contextmanager
def naming(record: str) -> Iterator[None]:
    """Puts "record `record`: " before what an `EcgInputError` from inside says."""
    try:
        yield
    except EcgInputError as error:
        raise EcgInputError(f"record {record}: {error}") from error
