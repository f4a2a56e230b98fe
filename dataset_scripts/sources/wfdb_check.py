"""What must hold of a WFDB record from anywhere before its samples are read.

A header is a text that somebody sent: it names files and says how much memory to take. Both are checked here, so that
a wrong one costs an error message and nothing else. Layout: header(5) and signal(5) of the WFDB Applications Guide
(https://physionet.org/physiotools/wag/).
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from pathlib import Path

from dataset_scripts.record import EcgInputError
from dataset_scripts.sources.unreadable import refuse_unreadable

_LONGEST_S = 24 * 3600
MOST_SAMPLES = 100_000_000
_LARGEST_HEADER = 1 << 20
_DEFAULT_RATE = 250.0  # header(5), where the record line gives none
# Bytes of one sample by signal(5); the FLAC formats have no fixed size, and their decoder finds a cut by itself.
_SAMPLE_BYTES = {"8": 1.0, "16": 2.0, "24": 3.0, "32": 4.0, "61": 2.0, "80": 1.0, "160": 2.0}
_SAMPLE_BYTES |= {"212": 3 / 2, "310": 4 / 3, "311": 4 / 3}
_COMPRESSED = {"508", "516", "524"}

_RECORD_LINE = re.compile(
    r"\S+?(?:/(?P<segments>\d+))?\s+(?P<signals>\d+)"
    r"(?:\s+(?P<rate>\d+(?:\.\d*)?)(?:/\S*)?(?:\s+(?P<samples>\d+))?)?(?:\s.*)?",
    re.ASCII,
)
_SIGNAL_LINE = re.compile(
    r"(?P<file>\S+)\s+(?P<format>\d+)(?:x(?P<per_frame>\d+))?(?::\d+)?(?:\+(?P<offset>\d+))?(?:\s+(?P<gain>\S+).*)?",
    re.ASCII,
)
_SEGMENT_LINE = re.compile(r"(?P<name>\S+)\s+\d+", re.ASCII)


def check_wfdb(record: Path) -> None:
    """Refuse a record whose header cannot be read or asks for files that are not beside it, cut short, or absurd.

    Args:
        record: path of the header without its ".hea".

    Raises:
        EcgInputError: the header or a file it names is missing or short, a name leads outside the header's folder, or
            the header declares more than 24 h or 100,000,000 samples; or a file that the system does not read.
    """
    try:
        _check(record, in_multi_segment=False)
    except OSError as error:
        refuse_unreadable(f"record {record}", error)


def _check(record: Path, in_multi_segment: bool) -> None:
    header = record.with_name(record.name + ".hea")
    first, *rest = _lines(header)
    found = _matched(_RECORD_LINE, first, header, "name 12 500 5000")
    signals, rate = int(found["signals"]), float(found["rate"] or _DEFAULT_RATE)
    samples = None if found["samples"] is None else int(found["samples"])
    check_size(header, signals, samples or 0, rate)
    if found["segments"] is not None:
        if in_multi_segment:
            raise EcgInputError(f"{header} is a segment made of segments, which WFDB does not allow; get it again")
        for line in rest:
            name = _plain_name(_matched(_SEGMENT_LINE, line, header, "name 5000")["name"], header)
            if name != "~":  # a gap
                _check(record.with_name(name), in_multi_segment=True)
        return
    described = [_matched(_SIGNAL_LINE, line, header, "name.dat 16 1000(0)/mV 16 0 0 0 0 V1") for line in rest]
    if len(described) != signals or signals == 0:
        raise EcgInputError(f"{header} announces {signals} signals and describes {len(described)}; get it again")
    for signal in described:
        _plain_name(signal["file"], header)
        if not (signal["gain"] or "").isascii():
            raise EcgInputError(f"{header}: units in {signal['gain']!r} are not ASCII; write microvolts as uV")
    if not (in_multi_segment and {signal["file"] for signal in described} == {"~"}):  # a layout has no samples
        _check_samples(header, described, samples, rate)


def check_size(file: Path, leads: int, samples: int, sampling_rate: float) -> None:
    """Refuse a recording that is too large to be an ECG for this model, before memory is taken for it.

    Args:
        file: for the message.
        leads: number of them.
        samples: of one lead.
        sampling_rate: in Hz.

    Raises:
        EcgInputError: a rate that is not positive, more than 24 h, or more than 100,000,000 samples in all leads.
    """
    if not (math.isfinite(sampling_rate) and sampling_rate > 0):
        raise EcgInputError(
            f"{file}: sampling rate {sampling_rate:g} Hz, expected a positive number; correct the header"
        )
    if samples > _LONGEST_S * sampling_rate:
        raise EcgInputError(
            f"{file}: {samples} samples at {sampling_rate:g} Hz are {samples / sampling_rate / 3600:.4g} h, expected "
            "24 h at most; cut out the part to be read"
        )
    if leads * samples > MOST_SAMPLES:
        raise EcgInputError(
            f"{file}: {leads} leads of {samples} samples, expected {MOST_SAMPLES:,} samples at most; "
            "cut out the part to be read"
        )


def _lines(header: Path) -> list[str]:
    """Return a header's lines that are neither empty nor comments; there is at least one."""
    if not header.is_file():
        raise EcgInputError(f"no header {header}; a WFDB record is a .hea file and its .dat file, give both")
    if header.stat().st_size > _LARGEST_HEADER:
        raise EcgInputError(f"{header} is larger than 1 MiB, expected a WFDB header, which is a short text")
    text = header.read_bytes().decode("utf-8", errors="replace")
    lines = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
    if not lines:
        raise EcgInputError(f"{header} is empty, expected a WFDB header")
    return lines


def _matched(pattern: re.Pattern[str], line: str, header: Path, example: str) -> re.Match[str]:
    found = pattern.fullmatch(line)
    if found is None:
        shown = line if len(line) <= 40 else line[:40] + "..."
        raise EcgInputError(f"{header} is not a WFDB header: {shown!r} where a line such as {example!r} was expected")
    return found


def _plain_name(name: str, header: Path) -> str:
    if name in (".", "..") or any(character in name for character in "/\\:"):
        raise EcgInputError(
            f"{header} names the file {name!r}, expected a plain name; only files beside the header are read"
        )
    return name


def _check_samples(header: Path, described: list[re.Match[str]], samples: int | None, rate: float) -> None:
    """Refuse a record whose signal files are missing or shorter than the header says."""
    per_frame: defaultdict[str, int] = defaultdict(int)
    for line in described:
        per_frame[line["file"]] += int(line["per_frame"] or 1)
    for line in {line["file"]: line for line in reversed(described)}.values():  # the first line of each file
        file, kind, offset = header.with_name(line["file"]), line["format"], int(line["offset"] or 0)
        if not file.is_file():
            raise EcgInputError(f"{header} names the signal file {file.name}, which is not beside it; copy it there")
        if kind in _COMPRESSED:
            continue
        if kind not in _SAMPLE_BYTES:
            raise EcgInputError(
                f"{header}: signal format {kind}, expected one of {', '.join(_SAMPLE_BYTES)}; write it as format 16"
            )
        in_frame = per_frame[file.name]
        there, frame_bytes = file.stat().st_size - offset, _SAMPLE_BYTES[kind] * in_frame
        frames = int(there / frame_bytes) if samples is None else samples
        check_size(header, in_frame, frames, rate)
        if there < math.floor(frames * frame_bytes):
            raise EcgInputError(
                f"{file} is cut short: it has {file.stat().st_size} bytes, its header asks for "
                f"{offset + math.ceil(frames * frame_bytes)} ({frames} times {in_frame} samples); get it again"
            )
