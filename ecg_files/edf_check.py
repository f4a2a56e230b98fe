"""What must hold of an EDF header before a C library reads the file.

Layout: Kemp et al., A simple format for exchange of digitized polygraphic recordings (1992), and EDF+ (2003),
https://www.edfplus.info/specs/.
"""

from __future__ import annotations

from pathlib import Path

from dataset_scripts.errors import EcgInputError
from ecg_files.ecg_file import one_line

_FIXED_BYTES = 256
_CHANNEL_FIELDS = {
    "label": 16,
    "transducer": 80,
    "dimension": 8,
    "physical minimum": 8,
    "physical maximum": 8,
    "digital minimum": 8,
    "digital maximum": 8,
    "prefiltering": 80,
    "samples": 8,
    "reserved": 32,
}
_SAMPLE_BYTES = 2
_MOST_CHANNELS = 512


def check_edf(path: Path) -> None:
    """Refuse a file whose header is none, is discontinuous, or announces another size than the file has.

    Raises:
        EcgInputError: it is.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        fixed = file.read(_FIXED_BYTES)
        if len(fixed) < _FIXED_BYTES:
            raise EcgInputError(f"the EDF file is cut short: {size} bytes; get it again")
        header_bytes = _whole(fixed[184:192], "header size")
        channels = _whole(fixed[252:256], "number of channels")
        records = _whole(fixed[236:244], "number of data records")
        seconds = _number(fixed[244:252], "duration of a data record")
        if not 1 <= channels <= _MOST_CHANNELS:
            raise EcgInputError(f"the EDF header announces {channels} channels, expected 1 to {_MOST_CHANNELS}")
        if records < 1:
            raise EcgInputError(
                f"the EDF header announces {records} data records, expected at least 1; export it again"
            )
        if not 0 < seconds < 1e5:
            raise EcgInputError(f"the EDF header gives data records of {seconds:g} s, expected a positive duration")
        if header_bytes != _FIXED_BYTES * (channels + 1):
            raise EcgInputError(
                f"the EDF header announces {header_bytes} bytes, expected {_FIXED_BYTES * (channels + 1)} "
                f"for {channels} channels; export it again"
            )
        if fixed[192:197] == b"EDF+D":
            raise EcgInputError("the EDF+ recording is discontinuous (EDF+D); export one unbroken part of it")
        described = file.read(header_bytes - _FIXED_BYTES)
    if len(described) < header_bytes - _FIXED_BYTES:
        raise EcgInputError(
            f"the EDF file is cut short: {size} bytes, its header alone has {header_bytes}; get it again"
        )
    start = channels * (256 - _CHANNEL_FIELDS["reserved"] - _CHANNEL_FIELDS["samples"])
    counts = [_whole(described[at : at + 8], "samples of a channel") for at in range(start, start + 8 * channels, 8)]
    if min(counts) < 1:
        raise EcgInputError(f"the EDF header announces {min(counts)} samples of a channel; export it again")
    expected = header_bytes + records * sum(counts) * _SAMPLE_BYTES
    if size != expected:
        fault = "is cut short" if size < expected else "is too long"
        raise EcgInputError(f"the EDF file {fault}: {size} bytes, its header asks for {expected}; get it again")


def _number(field: bytes, what: str) -> float:
    text = field.decode("latin-1").strip()
    try:
        return float(text)
    except ValueError as error:
        raise EcgInputError(f"the EDF header's {what} is {one_line(text)!r}, expected a number") from error


def _whole(field: bytes, what: str) -> int:
    text = field.decode("latin-1").strip()
    if not text.lstrip("-").isdecimal():
        raise EcgInputError(f"the EDF header's {what} is {one_line(text)!r}, expected a whole number")
    return int(text)
