"""Zip files of strangers: looked at before anything is unpacked, and unpacked under names of our own choice."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from dataset_scripts.errors import EcgInputError
from ecg_files.ecg_file import one_line
from ecg_files.limits import Limits

_END_BYTES = 22 + 65535  # the end record and the longest comment
_ZIP64_BYTES = 56 + 20  # the record that stands in for the end record, and the locator between the two
_ENTRY_BYTES = 1024  # of the directory: an entry's 46 and a generous name
_HARMLESS_BYTES = 1 << 20  # no bomb, whatever the ratio
_CHUNK = 1 << 18
_PLAIN = re.compile(r"[\w-][\w.-]{0,99}", re.ASCII)
_LITTER = ("__MACOSX/", ".DS_Store", "Thumbs.db")


def unpack(archive: Path, folder: Path, limits: Limits) -> list[dict[str, Path]]:
    """Unpack a zip.

    Args:
        archive: the zip.
        folder: an empty one of our own; everything is written below it, in folders and files that are numbered where
            the name in the zip is not plain letters, digits, dots, dashes and underscores.
        limits: see there.

    Returns:
        For each folder in the zip, its files by their names.

    Raises:
        EcgInputError: a damaged or encrypted zip; too many files, too large ones, or packed like a bomb; names that
            lead out of the folder, names given twice, links; packed in another way than "store" or "deflate".
    """
    _check_directory(archive, limits)
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [info for info in opened.infolist() if not info.is_dir() and not _is_litter(info.filename)]
            _check_members(members, limits)
            return _written(opened, members, folder, limits)
    except EcgInputError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise EcgInputError(f"the zip is damaged ({one_line(str(error), 120)}); pack it again") from error


def _check_directory(archive: Path, limits: Limits) -> None:
    """Refuse a zip by the size of its list of members, before that list takes memory."""
    with archive.open("rb") as file:
        start = max(archive.stat().st_size - _END_BYTES - _ZIP64_BYTES, 0)
        file.seek(start)
        end = file.read()
    at = end.rfind(b"PK\x05\x06")
    if at < 0 or len(end) < at + 22:
        raise EcgInputError("the zip is cut short: it has no list of its files; get it again")
    if end[max(at - 20, 0) : at].startswith(b"PK\x06\x07"):
        size = _zip64_directory_bytes(end[:at], start)
    else:
        size = int.from_bytes(end[at + 12 : at + 16], "little")
    if size > limits.zip_members * _ENTRY_BYTES:
        raise EcgInputError(_too_many(limits))


def _zip64_directory_bytes(end: bytes, start: int) -> int:
    """Return what zipfile takes, once there is one, for the size of the list of members: that of the zip64 record.

    Args:
        end: of the archive, up to its end record, which the locator stands before, and before that the record.
        start: of `end` in the archive.

    Raises:
        EcgInputError: the record is elsewhere than the locator says, where zipfile's versions differ.
    """
    at = len(end) - _ZIP64_BYTES
    stated = int.from_bytes(end[-12:-4], "little")
    if at < 0 or end[at : at + 4] != b"PK\x06\x06" or stated != start + at:
        raise EcgInputError("the zip's list of files is not where it says; pack it again")
    return int.from_bytes(end[at + 40 : at + 48], "little")


def _check_members(members: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(members) > limits.zip_members:
        raise EcgInputError(_too_many(limits))
    if not members:
        raise EcgInputError("the zip holds no file; pack an ECG into it")
    seen = set()
    for info in members:
        shown = one_line(info.filename)
        parts = info.filename.replace("\\", "/").split("/")
        if info.filename.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
            raise EcgInputError(f"the zip holds the name {shown!r}, which leads out of it; pack it again")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise EcgInputError(f"the zip holds {shown!r}, which is a link or a device; pack plain files only")
        if info.flag_bits & 0x1:
            raise EcgInputError("the zip is encrypted; unpack it and give its files")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise EcgInputError(f"{shown!r} in the zip is packed in an unusual way; pack it with deflate")
        if info.file_size > max(limits.zip_ratio * max(info.compress_size, 1), _HARMLESS_BYTES):
            raise EcgInputError(
                f"{shown!r} in the zip unpacks to more than {limits.zip_ratio:g} times its size, as a zip bomb does; "
                "give the file unpacked"
            )
        if info.filename in seen:
            raise EcgInputError(f"the zip holds {shown!r} twice; pack it again")
        seen.add(info.filename)
    total = sum(info.file_size for info in members)
    if total > limits.zip_bytes:
        raise EcgInputError(
            f"the zip unpacks to {total / 2**20:.3g} MiB, expected {limits.zip_bytes / 2**20:.3g} MiB at most; "
            "give fewer files"
        )


def _written(
    opened: zipfile.ZipFile, members: list[zipfile.ZipInfo], folder: Path, limits: Limits
) -> list[dict[str, Path]]:
    folders: dict[str, dict[str, Path]] = {}
    left = limits.zip_bytes
    stems = {PurePosixPath(info.filename).stem for info in members}
    for number, info in enumerate(members):
        inside = PurePosixPath(info.filename)
        files = folders.setdefault(str(inside.parent), {})
        here = folder / f"folder{list(folders).index(str(inside.parent))}"
        here.mkdir(exist_ok=True)
        name = inside.name if _PLAIN.fullmatch(inside.name) else _numbered(number, stems)
        with opened.open(info) as packed, (here / name).open("xb") as file:
            while chunk := packed.read(min(_CHUNK, left + 1)):
                left -= len(chunk)
                if left < 0:  # a directory that understates its files
                    raise EcgInputError(f"the zip unpacks to more than {limits.zip_bytes / 2**20:.3g} MiB; give fewer")
                file.write(chunk)
        files[name] = here / name
    return list(folders.values())


def _numbered(number: int, stems: set[str]) -> str:
    """Return a name for a file whose own is not plain, such as no file of the zip has before its ending."""
    name = f"file{number}"
    while name in stems:
        name = f"_{name}"
    return name


def _is_litter(name: str) -> bool:
    """Whether a file is what operating systems leave in zips."""
    return name.startswith(_LITTER[0]) or PurePosixPath(name).name in _LITTER[1:]


def _too_many(limits: Limits) -> str:
    return f"the zip holds more than {limits.zip_members} files; pack the ECGs alone, or give fewer at once"
