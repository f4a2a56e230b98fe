"""Simulated archives, each in the exact layout of a real one: for tests, benchmarks and whoever has no access."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dataset_scripts.record import EcgInputError

NOTICE = "SIMULATED.txt"
_TEXT = (
    "Every signal, statement, number and date in this folder was simulated by meit-ecg (seed {seed}). Nothing in it "
    "comes from a patient or from the archive whose layout it has.\n"
)


@contextmanager
def new_archive(folder: str | Path, seed: int) -> Iterator[Path]:
    """Gives an empty folder to write an archive into; only a complete one ends up as `folder`.

    The archive also gets a notice, `SIMULATED.txt`.

    Raises:
        EcgInputError: `folder` holds something already.
    """
    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise EcgInputError(f"{target} is there already and not empty; give a new folder for the simulated archive")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield draft
        (draft / NOTICE).write_text(_TEXT.format(seed=seed), encoding="utf-8")
        draft.chmod(0o755)  # a temporary folder is its owner's alone
        if target.exists():
            target.rmdir()
        os.replace(draft, target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
