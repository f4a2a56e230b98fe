"""Zips that are bombs, that lead elsewhere, or that hold what they should not."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.ecg_files import make_files
from tests.made_up_ecg import made_up_ecg


def _zip(*members: tuple[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> Callable[[Path], list[Path]]:
    def write(folder: Path) -> list[Path]:
        with zipfile.ZipFile(folder / "ecg.zip", "w", method) as archive:
            for name, content in members:
                archive.writestr(zipfile.ZipInfo(name), content, compress_type=method)
        return [folder / "ecg.zip"]

    return write


def _ratio(folder: Path) -> list[Path]:
    return _zip(("ecg.dat", b"\0" * (20 << 20)))(folder)


def _total(folder: Path) -> list[Path]:
    noise = np.random.default_rng(0).bytes(32 << 10)  # a ratio below the limit's, and in sum above the limit for all
    with zipfile.ZipFile(folder / "ecg.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(200):
            archive.writestr(f"{number}.dat", noise + b"\0" * (1500 << 10))
    return [folder / "ecg.zip"]


def _many(folder: Path) -> list[Path]:
    with zipfile.ZipFile(folder / "ecg.zip", "w") as archive:
        for number in range(20_000):
            archive.writestr(f"{number}.hea", "")
    return [folder / "ecg.zip"]


def _nested(folder: Path) -> list[Path]:
    inner = _zip(("ecg.dat", b"\0" * 1000))(folder)[0].read_bytes()
    return _zip(("inner.zip", inner))(folder)


def _symlink(folder: Path) -> list[Path]:
    link = zipfile.ZipInfo("ecg.hea")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(folder / "ecg.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    return [folder / "ecg.zip"]


def _encrypted(folder: Path) -> list[Path]:
    path = _zip(("ecg.hea", "ecg 12 500 5000\n"))(folder)[0]
    content = bytearray(path.read_bytes())
    content[6] |= 1  # general purpose bit 0, of the local header and of the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    return [path]


def _understated(folder: Path) -> list[Path]:
    """A member whose directory entry says 10 bytes and that unpacks to 20 MiB."""
    path = _ratio(folder)[0]
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02")
    content[at + 24 : at + 28] = (10).to_bytes(4, "little")
    path.write_bytes(content)
    return [path]


def _twice(folder: Path) -> list[Path]:
    path = _zip(("a.hea", "ecg 12 500 5000\n"), ("b.hea", "ecg 12 500 5000\n"))(folder)[0]
    path.write_bytes(path.read_bytes().replace(b"b.hea", b"a.hea"))
    return [path]


def _damaged_member(folder: Path) -> list[Path]:
    path = make_files.write_all(folder, made_up_ecg(), 500)["zip"][0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    return [path]


_OUT = "leads out of it"
ZIP_CASES: list[tuple[str, Callable[[Path], list[Path]], str]] = [
    ("zip bomb by ratio", _ratio, "as a zip bomb does"),
    ("zip bomb by sum", _total, "the zip unpacks to 299 MiB"),
    ("zip of 20,000 files", _many, "more than 256 files"),
    ("zip in a zip", _nested, "holds another zip"),
    ("zip that understates a file", _understated, "damaged"),
    ("zip with ../", _zip(("../canary", "x")), _OUT),
    ("zip with a/../../", _zip(("a/../../canary", "x")), _OUT),
    ("zip with an absolute name", _zip(("/tmp/canary", "x")), _OUT),
    ("zip with a drive", _zip(("C:/canary", "x")), _OUT),
    ("zip with ..\\", _zip(("..\\canary", "x")), _OUT),
    ("zip with a link", _symlink, "a link or a device"),
    ("encrypted zip", _encrypted, "encrypted"),
    ("zip with a name twice", _twice, "twice"),
    ("zip packed by LZMA", _zip(("ecg.hea", "ecg 12 500 5000\n"), method=zipfile.ZIP_LZMA), "unusual way"),
    ("zip of nothing", _zip(), "holds no file"),
    ("zip without an ECG", _zip(("readme.txt", "sinus rhythm")), "holds no ECG"),
    ("zip with a damaged file", _damaged_member, "damaged"),
    (
        "zip with a header naming ../",
        _zip(("ecg.hea", "ecg 1 500 5000\n../x 16 1 16 0 0 0 0 I\n")),
        "only files beside",
    ),
]
