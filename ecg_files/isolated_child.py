"""The process in which `IsolatedReader` lets files be read: it stays warm, and forks for each upload.

A fork has the libraries loaded, so that a read costs milliseconds, and limits and leaks of one read end with it.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import json
import math
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dataset_scripts.errors import EcgInputError
from ecg_files.ecg_file import EcgFile
from ecg_files.handover import write_ecgs, write_refusal
from ecg_files.limits import Limits
from ecg_files.read import read_ecg_files

_WARM = (
    "wfdb",
    "pyedflib",
    "pydicom",
    "pydicom.filereader",
    "ecgdatakit.parsing.parsers.hl7_aecg",
    "ecgdatakit.parsing.parsers.scp_ecg",
    "ecgdatakit.parsing.parsers.ge_muse_xml",
)


def main(settings: dict[str, Any]) -> None:
    """Answer requests, a line of JSON each on standard input, until it ends.

    Args:
        settings: "memory_bytes", "seconds" and "file_bytes" of one read.
    """
    for module in _WARM:
        if importlib.util.find_spec(module.partition(".")[0]) is not None:
            importlib.import_module(module)
    gc.collect()
    gc.freeze()  # else the first collection in a fork copies every page
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    _to_nowhere(1)  # what a C library prints is no answer
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        print(_in_fork(json.loads(line), settings) if hasattr(os, "fork") else _here(json.loads(line)), file=answers)
        answers.flush()


def _in_fork(request: dict[str, Any], settings: dict[str, Any]) -> int:
    """Return 0, or what ended the read: minus the number of a signal, or an exit status."""
    process = os.fork()
    if process == 0:
        status = 1
        try:
            _to_nowhere(0)
            _limit(**settings)
            status = _here(request)
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _here(request: dict[str, Any]) -> int:
    folder = Path(request["folder"])
    tempfile.tempdir = str(folder)
    try:
        limits = Limits(**request["limits"])
        ecgs = read_ecg_files(request["paths"], request["fs"], request["leads"], request["unit"], limits)
        if request["stretch"] is not None:
            ecgs = [_stretch(ecgs, **request["stretch"])]
        _check_values(ecgs, limits)
        write_ecgs(folder, ecgs)
    except EcgInputError as error:
        write_refusal(folder, str(error))
    except MemoryError:
        write_refusal(folder, "the upload takes more memory than one may; give a shorter recording")
    except Exception as error:  # whatever a library ran into: it is said, and the next upload finds a fresh fork
        write_refusal(folder, f"the upload cannot be read ({type(error).__name__}); export it again")
    return 0


def _stretch(ecgs: Sequence[EcgFile], record: str | None, start_s: float, length_s: float) -> EcgFile:
    chosen = [ecg for ecg in ecgs if record in (None, ecg.name)]
    if len(chosen) == 1:
        return chosen[0].window(start_s, length_s)
    names = ", ".join(ecg.name for ecg in ecgs)
    if not chosen:
        raise EcgInputError(f"the upload holds no record {str(record)[:80]!r}, it has: {names}")
    raise EcgInputError(f"the upload holds {len(ecgs)} ECGs ({names}); name one of them as record, or send one")


def _check_values(ecgs: Sequence[EcgFile], limits: Limits) -> None:
    values = sum(ecg.signal.size for ecg in ecgs)
    if values > limits.values:
        raise EcgInputError(
            f"the upload holds {values / 12:,.0f} samples of 12 leads, expected {limits.values / 12:,.0f} at most "
            f"({limits.values / 12 / 500 / 60:.3g} min at 500 Hz); give a shorter recording, or fewer at once"
        )


def _limit(memory_bytes: int, seconds: float, file_bytes: int) -> None:
    """Let the system end this process where it takes too much; where a system lacks a limit, see `unlimited`."""
    import resource

    if sys.platform == "linux":  # others take the limit and do not hold it
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        address_space = pages * resource.getpagesize() + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
    cpu = math.ceil(seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    # Without a handler the system ends the process, even in the midst of a C library.
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _to_nowhere(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
