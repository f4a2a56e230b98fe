"""The type of a file, found by its content and never by its name."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from dataset_scripts.errors import EcgInputError
from ecg_files.channels import lead_called

KINDS = "WFDB (.hea with .dat), EDF, DICOM waveform, HL7 aECG, SCP-ECG, GE MUSE XML, CSV, NPY, or a zip of these"

_HEAD_BYTES = 1 << 16
_XML_ROOT = re.compile(r"<(?![?!])(?:[\w.-]+:)?([\w.-]{1,80})")
_XML_KINDS = {"AnnotatedECG": "HL7 aECG", "RestingECG": "GE MUSE XML"}
# header(5): name, perhaps the number of segments, number of signals, then rate and so on.
_WFDB_RECORD_LINE = re.compile(r"[\w.-]{1,200}(?:/\d+)?[ \t]+\d+(?:[ \t]+\S.*)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d*\.?\d+(?:[eE][+-]?\d+)?", re.ASCII)
_KNOWN_OTHERS = (
    (b"%PDF", "a PDF: a printed ECG is not read, export the waveform"),
    (b"\x89PNG", "an image: a printed ECG is not read, export the waveform"),
    (b"\xff\xd8\xff", "an image: a printed ECG is not read, export the waveform"),
    (b"\x80\x04\x95", "a Python pickle, which is never opened, since that would run its code"),
    (b"\x80\x03", "a Python pickle, which is never opened, since that would run its code"),
    (b"\x80\x05", "a Python pickle, which is never opened, since that would run its code"),
    (b"\x1f\x8b", "a gzip file; unpack it first"),
    (b"\xffBIOSEMI", "a BDF file; save it as EDF"),
)


def content_kind(path: Path) -> str | None:
    """Return "zip" or the name of a format as `EcgFile.format` has it; None where the content is none of these.

    Raises:
        EcgInputError: there is no such file, or it is none that could be read to its end (a folder, a pipe, a device).
    """
    check_regular(path)
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(b"PK\x03\x04") or head.startswith(b"PK\x05\x06"):
        return "zip"
    if head.startswith(b"\x93NUMPY"):
        return "NumPy"
    if head[128:132] == b"DICM":
        return "DICOM waveform"
    if head.startswith(b"0       ") and b"\n" not in head[:88] and head[:88].isascii():
        return "EDF"
    if head[16:22] == b"SCPECG" or _begins_like_scp(head):
        return "SCP-ECG"
    text = _text(head)
    return None if text is None else _text_kind(text)


def check_regular(path: Path) -> None:
    """Refuse what is no file of bytes, without opening it: a pipe would never end.

    Raises:
        EcgInputError: there is no file, or it is a folder, a pipe or a device.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise EcgInputError(f"there is no file {path}; give the path of an ECG: {KINDS}") from error
    except (OSError, ValueError) as error:
        raise EcgInputError(f"the file cannot be read ({error}); give another") from error
    if stat.S_ISDIR(mode):
        raise EcgInputError(f"{path} is a folder, expected a file: {KINDS}")
    if not stat.S_ISREG(mode):
        raise EcgInputError(f"{path} is a pipe or a device, expected a file: {KINDS}")


def not_an_ecg(path: Path) -> EcgInputError:
    """Return what to say of a file whose content is of no known type."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        return EcgInputError(f"{path} is empty, expected {KINDS}")
    known = next((meaning for start, meaning in _KNOWN_OTHERS if head.startswith(start)), None)
    if known is None and (text := _text(head)) is not None and (root := _xml_root(text)):
        known = f"XML with the root element {root}; of XML, HL7 aECG (AnnotatedECG) and GE MUSE (RestingECG) are read"
    if known is not None:
        return EcgInputError(f"{path} is no ECG that can be read: it is {known}")
    return EcgInputError(
        f"{path} is no ECG that can be read, expected {KINDS}; the .dat of a WFDB record needs its .hea beside it"
    )


def _begins_like_scp(head: bytes) -> bool:
    """Whether section 0 stands where EN 1064 puts it: its first pointer is its own, to byte 7."""
    return len(head) >= 32 and head[8:10] == b"\0\0" and head[22:24] == b"\0\0" and head[28:32] == b"\7\0\0\0"


def _text(head: bytes) -> str | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", errors="ignore")
    if b"\0" in head:
        return None
    try:
        return head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Cut in the middle of a character at the end of what was read, or Latin-1, which XML may be in.
        return head.decode("utf-8", errors="replace") if error.start > len(head) - 4 or head[:1] == b"<" else None


def _xml_root(text: str) -> str | None:
    if not text.lstrip().startswith("<"):
        return None
    root = _XML_ROOT.search(re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL))
    return root[1] if root else None


def _text_kind(text: str) -> str | None:
    root = _xml_root(text)
    if root is not None:
        return _XML_KINDS.get(root)
    lines = [line for line in map(str.strip, text.splitlines()) if line]
    uncommented = next((line for line in lines if not line.startswith("#")), "")
    if _WFDB_RECORD_LINE.fullmatch(uncommented) and not re.search(r"[,;]", uncommented.split()[0]):
        return "WFDB"
    cells = [cell.strip() for line in lines[:2] for cell in re.split(r"[,;\t]", line[:_HEAD_BYTES])]
    if lines and re.search(r"[,;\t]", lines[0]) and any(_NUMBER.fullmatch(cell) or lead_called(cell) for cell in cells):
        return "CSV"
    return None
