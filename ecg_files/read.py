"""Reads ECGs from files of any known type: one from a path, or all of what somebody uploaded together."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from dataset_scripts.errors import EcgInputError
from ecg_files.channels import FORMATS_WITHOUT_UNIT, Channels, to_ecg_file
from ecg_files.content import KINDS, check_regular, content_kind, not_an_ecg
from ecg_files.csv_table import read_csv
from ecg_files.dicom import read_dicom
from ecg_files.ecg_file import EcgFile, one_line
from ecg_files.edf import read_edf
from ecg_files.exchange_formats import read_exchange_format
from ecg_files.limits import Limits
from ecg_files.numpy_array import read_npy
from ecg_files.units import check_unit
from ecg_files.unpack import unpack
from ecg_files.wfdb_reader import read_wfdb_channels, signal_files
from modeling_meit.ecg_signal import check_sampling_rate

_LOCAL = Limits(bytes=2 << 30, records=100_000, zip_members=100_000, zip_bytes=4 << 30)
"""For a file on the user's own disk."""

_LONGEST_MESSAGE = 600
_NAMES_IN_A_MESSAGE = 10
_BY_NAME = "(on the command line --record NAME)"
_EXPECTED_RATE = "expected a positive number of Hz; correct it (on the command line --fs 500)"


class _Said:
    """What the user says of files that do not say it themselves."""

    def __init__(self, fs: float | None, leads: Sequence[str] | None, unit: str | None) -> None:
        if fs is not None:
            try:
                check_sampling_rate(fs)
            except ValueError as error:
                given = "not a number" if fs != fs else one_line(repr(fs), 30)
                raise EcgInputError(f"the sampling rate that you give is {given}, {_EXPECTED_RATE}") from error
        check_unit(unit)
        self.fs, self.leads, self.unit = fs, leads, unit


def read_ecg_file(
    path: str | Path,
    fs: float | None = None,
    leads: Sequence[str] | None = None,
    unit: str | None = None,
    record: str | None = None,
) -> EcgFile:
    """Read one ECG, put its leads in the standard order by name, and refuse one that no model can read.

    Args:
        path: a file of any type in docs/files.md; of a WFDB record also its .dat, or its path without ending.
        fs: sampling rate in Hz; needed for .npy and for CSV without a column of times, and else only allowed where the
            file states none, or the same.
        leads: names of the leads in their order, for .npy and for CSV without a line of names.
        unit: "nV", "uV", "mV" or "V", for a file that does not state it.
        record: name of the ECG to take where the file holds several.

    Raises:
        EcgInputError: a file that is missing, damaged, absurdly large or of no known type; leads that are missing or
            there twice; more than half of the leads flat or without a sample; values beyond 50 mV; a package of the
            extra `formats` that is not installed; several ECGs and no `record`.
    """
    path, said = Path(path), _Said(fs, leads, unit)
    found = _wfdb_record(path)
    if found is not None:
        with _named(found):
            ecgs = [_read_wfdb(found, said, _LOCAL)]
    else:
        together = [path, *_beside(path)] if content_kind(path) == "WFDB" else [path]
        ecgs = _read_upload(together, said, _LOCAL)
    if record is not None:
        chosen = [ecg for ecg in ecgs if ecg.name == record]
        if len(chosen) != 1:
            count = f"{len(chosen)} ECGs" if chosen else "no ECG"
            raise EcgInputError(
                f"{path} holds {count} named {one_line(record)!r}; it holds {_names(ecgs)}: correct the name {_BY_NAME}"
            )
        return chosen[0]
    if len(ecgs) != 1:
        raise EcgInputError(f"{path} holds {len(ecgs)} ECGs ({_names(ecgs)}); choose one by its name {_BY_NAME}")
    return ecgs[0]


def read_ecg_files(
    paths: Sequence[str | Path],
    fs: float | None = None,
    leads: Sequence[str] | None = None,
    unit: str | None = None,
    limits: Limits | None = None,
) -> list[EcgFile]:
    """Read all ECGs of one upload; no other file than those given is opened.

    Args:
        paths: a file, several that belong together (.hea with .dat, from different folders too), or zips of these.
        fs: see `read_ecg_file`.
        leads: see `read_ecg_file`.
        unit: see `read_ecg_file`.
        limits: `Limits()` where None is given.

    Returns:
        At least one ECG.

    Raises:
        EcgInputError: as `read_ecg_file`, or an upload over the limits, or a file that belongs to no ECG. The message
            has names of files, but no folders.
    """
    said = _Said(fs, leads, unit)
    files = [Path(path) for path in paths]
    if not files:
        raise EcgInputError(f"no file was given, expected {KINDS}")
    with _without({file.parent for file in files}):
        return _read_upload(files, said, limits or Limits())


def _read_upload(files: Sequence[Path], said: _Said, limits: Limits) -> list[EcgFile]:
    for file in files:
        check_regular(file)
    size = sum(file.stat().st_size for file in files)
    if size > limits.bytes:
        raise EcgInputError(
            f"{size / 2**20:.3g} MiB were given, expected {limits.bytes / 2**20:.3g} MiB at most; give fewer files"
        )
    ecgs: list[EcgFile] = []
    plain: dict[str, Path] = {}
    with tempfile.TemporaryDirectory(prefix="meit-ecg-") as temporary:
        for number, file in enumerate(files):
            if content_kind(file) == "zip":
                folder = Path(temporary, f"zip{number}")
                folder.mkdir()
                with _named(file):
                    ecgs += _read_zip(unpack(file, folder, limits), said, limits)
            elif plain.setdefault(file.name, file) != file:
                raise EcgInputError(f"{file.name} was given twice; give each file once, or a zip")
        ecgs += _read_together(plain, said, limits, Path(temporary, "together"), strict=True)
    if len(ecgs) > limits.records:
        raise EcgInputError(f"{len(ecgs)} ECGs were given, expected {limits.records} at most; give fewer at once")
    return ecgs


def _read_zip(folders: list[dict[str, Path]], said: _Said, limits: Limits) -> list[EcgFile]:
    ecgs: list[EcgFile] = []
    for files in folders:
        if any(content_kind(file) == "zip" for file in files.values()):
            raise EcgInputError("the zip holds another zip; unpack that one and give its files")
        linked = next(iter(files.values())).parent.with_suffix(".linked")
        with _without({linked.parent, linked.with_suffix("")}):
            ecgs += _read_together(files, said, limits, linked, strict=False)
    if not ecgs:
        raise EcgInputError(f"the zip holds no ECG that can be read, expected {KINDS}")
    return ecgs


def _read_together(files: dict[str, Path], said: _Said, limits: Limits, linked: Path, strict: bool) -> list[EcgFile]:
    """Read files that were given together, or lay in one folder of a zip.

    Args:
        files: by their names.
        said: by the user.
        limits: see there.
        linked: folder to make for WFDB records, whose headers find their files by name.
        strict: whether a file that belongs to no ECG is refused, or left out.
    """
    kinds = {name: content_kind(file) for name, file in files.items()}
    headers = {name: file for name, file in files.items() if kinds[name] == "WFDB"}
    named = {
        found for name, file in headers.items() for found in signal_files(_header_text(file)) if found != _stem(name)
    }
    if headers:
        linked.mkdir()
        for name, file in files.items():
            name = f"{_stem(name)}.hea" if name in headers else re.sub(r"[^\w.-]", "_", name)[-200:]
            if not (linked / name).exists():
                (linked / name).symlink_to(file.resolve())
    ecgs = []
    left_out = 0
    for name, file in files.items():
        kind = kinds[name]
        if name in named or (name in headers and _stem(name) in named):
            continue  # signals of a record, or a part of one
        if kind is None:
            if strict:
                raise not_an_ecg(file)
            left_out += 1
            continue
        with _without({linked}), _named(linked / f"{_stem(name)}.hea" if name in headers else file):
            if kind == "WFDB":
                ecgs.append(_read_wfdb(linked / _stem(name), said, limits))
            else:
                ecgs.append(_read_other(file, kind, said, limits))
    if left_out and ecgs:
        others = "other file in the zip is" if left_out == 1 else "other files in the zip are"
        ecgs = [replace(ecg, notes=(*ecg.notes, f"{left_out} {others} left out.")) for ecg in ecgs]
    return ecgs


def _read_wfdb(record: Path, said: _Said, limits: Limits) -> EcgFile:
    return _finished(read_wfdb_channels(record, said.unit, said.fs), record.name, "WFDB", said, limits)


def _read_other(path: Path, kind: str, said: _Said, limits: Limits) -> EcgFile:
    if kind == "NumPy":
        found = read_npy(path, said.fs, said.leads, said.unit, limits)
    elif kind == "CSV":
        found = read_csv(path, said.fs, said.leads, said.unit, limits)
    elif kind == "EDF":
        found = read_edf(path, said.unit, limits)
    elif kind == "DICOM waveform":
        found = read_dicom(path, said.unit, limits)
    else:
        found = read_exchange_format(path, kind, said.unit, limits)
    return _finished(found, path.stem, kind, said, limits)


def _finished(found: Channels, name: str, kind: str, said: _Said, limits: Limits) -> EcgFile:
    if kind not in FORMATS_WITHOUT_UNIT:
        if said.leads is not None:
            raise EcgInputError(
                "the file names the leads itself; leave out the names that you give (on the command line --leads), or "
                "correct the file"
            )
        if said.fs is not None and abs(said.fs - found.sampling_rate) > 1e-6 * found.sampling_rate:
            raise EcgInputError(
                f"the file says {found.sampling_rate:g} Hz and you {said.fs:g} Hz; leave yours out "
                "(on the command line --fs), or correct the file"
            )
    return to_ecg_file(found, name, kind, limits)


def _wfdb_record(path: Path) -> Path | None:
    """Return the record that a path on the user's disk means, without ending; None where it means another file."""
    if path.suffix.lower() in (".hea", ".dat"):
        record = path.with_suffix("")
        if record.with_name(record.name + ".hea").is_file():
            header = record.with_name(record.name + ".hea")
            return record if path.suffix.lower() == ".dat" or content_kind(header) == "WFDB" else None
        if not path.is_file():
            raise EcgInputError(f"there is no record {record}: no file {record.name}.hea; give the path of {KINDS}")
        return None
    if path.with_name(path.name + ".hea").is_file() if path.name else False:
        return path
    if not path.suffix and not path.exists():
        raise EcgInputError(f"there is no record {path}: no file {path.name}.hea; give the path of {KINDS}")
    return None


def _beside(header: Path) -> list[Path]:
    """Return the files of a header that is not called .hea."""
    names = [name for name in signal_files(_header_text(header)) if Path(name).name == name]
    return [header.with_name(name) for name in names if header.with_name(name).is_file()]


def _header_text(header: Path) -> str:
    with header.open("rb") as file:
        return file.read(1 << 20).decode("utf-8", errors="replace")


def _stem(name: str) -> str:
    return re.sub(r"[^\w.-]", "_", Path(name).stem)[:100]


def _names(ecgs: Sequence[EcgFile]) -> str:
    more = len(ecgs) - _NAMES_IN_A_MESSAGE
    return ", ".join(ecg.name for ecg in ecgs[:_NAMES_IN_A_MESSAGE]) + (f" and {more} more" if more > 0 else "")


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Say in every refusal from inside which file it is of, in one line."""
    try:
        yield
    except MemoryError as error:
        raise EcgInputError(f"{file}: takes more memory than there is; give a shorter recording") from error
    except EcgInputError as error:
        said = str(error) if str(file.with_suffix("")) in str(error) else f"{file}: {error}"
        raise EcgInputError(one_line(said, _LONGEST_MESSAGE)) from error


@contextmanager
def _without(folders: Collection[Path]) -> Iterator[None]:
    """Take folders out of every refusal from inside: those of our own, or of a server whose visitor reads it."""
    try:
        yield
    except EcgInputError as error:
        said = str(error)
        for folder in sorted(map(str, folders), key=len, reverse=True):
            if Path(folder).name:  # neither the current folder nor the root
                said = said.replace(folder + os.sep, "")
        raise EcgInputError(one_line(said, _LONGEST_MESSAGE)) from error
