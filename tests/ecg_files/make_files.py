"""Writes one ECG as files of every format that `ecg_files` reads; the exchange formats follow their standards here.

All store whole microvolts but MUSE, whose carts store steps of 4.88 uV of eight leads.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import wfdb

from modeling_meit.ecg_signal import STANDARD_LEADS
from tests.ecg_files.dicom_file import write_dicom

EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
MUSE_STEP_UV = 4.88
SCP_LEADS = {"I": 1, "II": 2, "III": 61, "aVR": 62, "aVL": 63, "aVF": 64, **{f"V{n}": n + 2 for n in range(1, 7)}}


def write_all(folder: Path, signal: np.ndarray, fs: int) -> dict[str, list[Path]]:
    """Write [12, T] in mV (finite, standard order, up to 32 mV and 60 s) in each format.

    Returns:
        The files of each format, by `EcgFile.format`, and "zip": a zip of the WFDB record. CSV and NumPy do not state
        the rate, and NumPy not the leads.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    wfdb_files = write_wfdb(folder, "ecg", signal, fs)
    zipped = folder / "ecg.zip"
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in wfdb_files:
            archive.write(file, f"records/{file.name}")
    return {
        "WFDB": wfdb_files,
        "EDF": [write_edf(folder / "ecg.edf", signal, fs)],
        "DICOM waveform": [write_dicom(folder / "ecg.dcm", signal, fs)],
        "HL7 aECG": [write_aecg(folder / "ecg-aecg.xml", signal, fs)],
        "SCP-ECG": [write_scp(folder / "ecg.scp", signal, fs)],
        "GE MUSE XML": [write_muse(folder / "ecg-muse.xml", signal, fs)],
        "CSV": [write_csv(folder / "ecg.csv", signal)],
        "NumPy": [write_npy(folder / "ecg.npy", signal)],
        "zip": [zipped],
    }


def microvolts(signal: np.ndarray) -> np.ndarray:
    """Return int16 in uV."""
    return np.rint(np.asarray(signal, dtype=np.float64) * 1000).astype("<i2")


def write_wfdb(
    folder: Path, name: str, signal: np.ndarray, fs: float, leads: Sequence[str] = STANDARD_LEADS
) -> list[Path]:
    count = len(leads)
    wfdb.wrsamp(
        name,
        fs=fs,
        units=["mV"] * count,
        sig_name=list(leads),
        d_signal=microvolts(signal).T.astype(np.int64),
        fmt=["16"] * count,
        adc_gain=[1000] * count,
        baseline=[0] * count,
        write_dir=str(folder),
    )
    return [folder / f"{name}.hea", folder / f"{name}.dat"]


def write_edf(
    path: Path,
    signal: np.ndarray,
    fs: float,
    leads: Sequence[str] = STANDARD_LEADS,
    unit: str = "uV",
    others: dict[str, tuple[np.ndarray, float, str]] | None = None,
) -> Path:
    """`others`: further channels, a name -> samples, rate and unit each."""
    import pyedflib

    channels = [(f"ECG {lead}", row, fs, unit) for lead, row in zip(leads, microvolts(signal), strict=True)]
    channels += [(name, *other) for name, other in (others or {}).items()]
    writer = pyedflib.EdfWriter(str(path), len(channels), file_type=pyedflib.FILETYPE_EDFPLUS)
    try:
        for number, (label, _, rate, dimension) in enumerate(channels):
            writer.setSignalHeader(
                number,
                {
                    "label": label,
                    "dimension": dimension,
                    "sample_frequency": rate,
                    "physical_min": -32768,
                    "physical_max": 32767,
                    "digital_min": -32768,
                    "digital_max": 32767,
                    "transducer": "",
                    "prefilter": "",
                },
            )
        writer.writeSamples([row.astype(np.int32) for _, row, _, _ in channels], digital=True)
        writer.writeAnnotation(1.0, -1, "made up")
    finally:
        writer.close()
    return path


def write_aecg(path: Path, signal: np.ndarray, fs: float, leads: Sequence[str] = STANDARD_LEADS) -> Path:
    """HL7 aECG: SLIST_PQ sequences, whose values are origin + scale * digit."""
    sequences = "".join(
        f'<component><sequence><code code="MDC_ECG_LEAD_{lead.upper()}" '
        'codeSystem="2.16.840.1.113883.6.24"/><value xsi:type="SLIST_PQ"><origin value="0" unit="uV"/>'
        f'<scale value="1" unit="uV"/><digits>{" ".join(map(str, row))}</digits></value></sequence></component>'
        for lead, row in zip(leads, microvolts(signal), strict=True)
    )
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<AnnotatedECG xmlns="urn:hl7-org:v3" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><id root="1.2.3"/>'
        '<code code="93000" codeSystem="2.16.840.1.113883.6.12"/><component><series><id root="1.2.4"/>'
        '<code code="RHYTHM" codeSystem="2.16.840.1.113883.5.4"/><component><sequenceSet><component><sequence>'
        '<code code="TIME_ABSOLUTE" codeSystem="2.16.840.1.113883.6.24"/><value xsi:type="GLIST_TS">'
        f'<head value="20200101000000.000"/><increment value="{1 / fs!r}" unit="s"/></value></sequence></component>'
        f"{sequences}</sequenceSet></component></series></component></AnnotatedECG>\n",
        encoding="utf-8",
    )
    return path


def write_muse(path: Path, signal: np.ndarray, fs: int, leads: Sequence[str] = EIGHT) -> Path:
    """GE MUSE XML: a median beat and the rhythm, of the eight leads that a cart stores."""
    steps = np.rint(np.asarray(signal, dtype=np.float64) * 1000 / MUSE_STEP_UV).astype("<i2")
    rows = {lead: steps[STANDARD_LEADS.index(lead)] for lead in leads}
    median = {lead: row[: round(1.2 * fs)][::-1] for lead, row in rows.items()}
    path.write_text(
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<!DOCTYPE RestingECG SYSTEM "restecg.dtd">\n<RestingECG>'
        "<MuseInfo><MuseVersion>9</MuseVersion></MuseInfo>"
        f"{_muse_waveform('Median', median, fs)}{_muse_waveform('Rhythm', rows, fs)}</RestingECG>\n",
        encoding="latin-1",
    )
    return path


def _muse_waveform(kind: str, rows: dict[str, np.ndarray], fs: int) -> str:
    leads = "".join(
        f"<LeadData><LeadByteCountTotal>{row.nbytes}</LeadByteCountTotal><LeadTimeOffset>0</LeadTimeOffset>"
        f"<LeadSampleCountTotal>{len(row)}</LeadSampleCountTotal>"
        f"<LeadAmplitudeUnitsPerBit>{MUSE_STEP_UV}</LeadAmplitudeUnitsPerBit>"
        f"<LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits><LeadID>{lead}</LeadID>"
        "<FirstSampleBaseline>0</FirstSampleBaseline><LeadSampleSize>2</LeadSampleSize>"
        f"<LeadDataCRC32>{zlib.crc32(row.tobytes())}</LeadDataCRC32>"
        f"<WaveFormData>{base64.encodebytes(row.tobytes()).decode()}</WaveFormData></LeadData>"
        for lead, row in rows.items()
    )
    return (
        f"<Waveform><WaveformType>{kind}</WaveformType><NumberofLeads>{len(rows)}</NumberofLeads>"
        f"<SampleType>CONTINUOUS_SAMPLES</SampleType><SampleBase>{fs}</SampleBase>"
        f"<SampleExponent>0</SampleExponent>{leads}</Waveform>"
    )


def write_scp(
    path: Path,
    signal: np.ndarray,
    fs: float,
    leads: Sequence[str] = STANDARD_LEADS,
    *,
    huffman: bool = False,
    multiplier_nv: int = 1000,
    starts: Sequence[int] | None = None,
    ends_at: int | None = None,
) -> Path:
    """SCP-ECG: plain int16, or second differences in the standard's default Huffman code.

    `multiplier_nv`: what the file says that one step stands for. `starts`: first sample of each lead, counted from 1.
    `ends_at`: the last, said of a file that has fewer.
    """
    rows = microvolts(signal)
    starts = [1] * len(rows) if starts is None else starts
    ends = [ends_at or start + rows.shape[1] - 1 for start in starts]
    definitions = b"".join(
        struct.pack("<IIB", start, end, SCP_LEADS[lead]) for lead, start, end in zip(leads, starts, ends, strict=True)
    )
    stored = [_huffman(_second_differences(row)) if huffman else row.tobytes() for row in rows]
    sizes = struct.pack(f"<{len(stored)}H", *map(len, stored))
    sections = {
        1: struct.pack("<BH", 2, 5) + b"made\0" + struct.pack("<BHHBB", 25, 4, 2020, 1, 1) + b"\xff\0\0",
        3: struct.pack("<BB", len(rows), 0x04 | len(rows) % 32 << 3) + definitions,
        6: struct.pack("<HHBB", multiplier_nv, round(1e6 / fs), 2 if huffman else 0, 0) + sizes + b"".join(stored),
    }
    if huffman:
        sections[2] = struct.pack("<H", 19999)
    path.write_bytes(_scp_file(sections))
    return path


def _scp_file(sections: dict[int, bytes]) -> bytes:
    pointers, bodies, at = b"", b"", 7 + 16 + 12 * 10
    for number in range(1, 12):
        body = sections.get(number)
        if body is None:
            pointers += struct.pack("<HII", number, 0, 0)
            continue
        section = _scp_section(number, body + b"\0" * (len(body) % 2))
        pointers += struct.pack("<HII", number, len(section), at)
        bodies += section
        at += len(section)
    first = _scp_section(0, struct.pack("<HII", 0, 16 + 12 * 10, 7) + pointers, b"SCPECG")
    content = struct.pack("<I", 6 + len(first) + len(bodies)) + first + bodies
    return struct.pack("<H", binascii.crc_hqx(content, 0xFFFF)) + content


def _scp_section(number: int, body: bytes, reserved: bytes = b"\0" * 6) -> bytes:
    content = struct.pack("<HIBB", number, 16 + len(body), 20, 20) + reserved + body
    return struct.pack("<H", binascii.crc_hqx(content, 0xFFFF)) + content


def _second_differences(row: np.ndarray) -> np.ndarray:
    row = row.astype(np.int64)
    return np.concatenate([row[:2], np.diff(row, 2)])


def _huffman(values: np.ndarray) -> bytes:
    """Table 19999 of EN 1064: 0, 100, 101, 1100, 1101 ... 18 bits for a byte and 26 for two."""
    bits = []
    for value in values.tolist():
        if value == 0:
            bits.append("0")
        elif abs(value) <= 8:
            bits.append("1" * abs(value) + "0" + ("0" if value > 0 else "1"))
        elif -128 <= value <= 127:
            bits.append("1111111110" + f"{value & 0xFF:08b}")
        else:
            bits.append("1111111111" + f"{value & 0xFFFF:016b}")
    joined = "".join(bits)
    joined += "0" * (-len(joined) % 8)
    return int(joined, 2).to_bytes(len(joined) // 8, "big")


def write_csv(path: Path, signal: np.ndarray, leads: Sequence[str] | None = STANDARD_LEADS) -> Path:
    lines = [] if leads is None else [",".join(leads)]
    lines += [",".join(f"{value:.3f}" for value in moment) for moment in np.asarray(signal).T]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_npy(path: Path, signal: np.ndarray) -> Path:
    np.save(path, np.asarray(signal, dtype=np.float32))
    return path
