"""How much one upload may hold."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What is refused before memory or disk is taken for it.

    Attributes:
        bytes: of all files of one upload together, as they were sent.
        longest_s: of one recording.
        records: ECGs in one upload.
        values: numbers that `IsolatedReader` hands over of one upload: samples of all its ECGs times 12 leads.
        zip_members: files in one zip.
        zip_bytes: of a zip's files together, unpacked.
        zip_ratio: unpacked size of a zip's file to its packed size; ECGs reach 20, a bomb reaches 1000.
    """

    bytes: int = 64 << 20
    longest_s: float = 24 * 3600.0
    records: int = 32
    values: int = 12 * 500 * 1800  # 30 min at 500 Hz
    zip_members: int = 256
    zip_bytes: int = 256 << 20
    zip_ratio: float = 100.0
