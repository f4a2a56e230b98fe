"""A folder that appears under its name only when it is whole.

It is written to a hidden folder beside it and renamed in the end. Whatever ends the work early (an error, a full disk,
a signal) leaves nothing new under the name, and the next run removes what a killed one left.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from dataset_scripts.record import EcgInputError


@contextmanager
def whole_or_nothing(out: Path, marker: str) -> Iterator[Path]:
    """Gives an empty hidden folder that becomes `out` if all goes well, and is removed if not.

    Args:
        out: the folder to write. One that holds `marker` is replaced when the new one is whole.
        marker: a file that tells a finished folder of ours from anybody else's.

    Raises:
        EcgInputError: `out` is a file or another folder that is not empty, cannot be written, is being written by
            another process, or its disk is full.
    """
    out = Path(os.path.abspath(out))
    partial, previous = out.with_name(f".{out.name}.partial"), out.with_name(f".{out.name}.previous")
    lock_file = out.with_name(f".{out.name}.lock")
    lock = FileLock(lock_file)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise EcgInputError(f"another build is writing {out}; wait for it, or give another folder") from error
    except OSError as error:
        raise EcgInputError(f"cannot write to {out.parent} ({error.strerror}); give another folder") from error
    try:
        if previous.exists() and not out.exists():
            previous.rename(out)  # the last run was killed between the two renames below
        for left_over in (previous, partial):
            if left_over.exists():
                shutil.rmtree(left_over)
        _assert_replaceable(out, marker)
        partial.mkdir()
        yield partial
        if out.exists():
            out.rename(previous)
        partial.rename(out)
        shutil.rmtree(previous, ignore_errors=True)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise EcgInputError(
            f"the disk of {out.parent} is full; nothing was written to {out.name}: make room or give another folder"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        lock.release()
        lock_file.unlink(missing_ok=True)


def _assert_replaceable(out: Path, marker: str) -> None:
    if out.exists() and not out.is_dir():
        raise EcgInputError(f"{out} is a file, expected the name of a folder to write")
    if out.exists() and any(out.iterdir()) and not (out / marker).is_file():
        raise EcgInputError(
            f"{out} is not empty and no data set of `meit build` (it has no {marker}); give a new folder, or empty it"
        )
