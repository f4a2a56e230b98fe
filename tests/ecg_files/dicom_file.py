"""A 12-lead ECG as a DICOM waveform object: a rhythm and median beats, as carts send them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modeling_meit.ecg_signal import STANDARD_LEADS

_STORAGE_12_LEAD = "1.2.840.10008.5.1.4.1.1.9.1.1"
_CODES = {"I": 1, "II": 2, "III": 61, "aVR": 62, "aVL": 63, "aVF": 64, **{f"V{n}": n + 2 for n in range(1, 7)}}


def write_dicom(path: Path, signal: np.ndarray, fs: float) -> Path:
    """Write [12, T] in mV, in uV and with a group of median beats before the rhythm."""
    median = np.asarray(signal)[:, : round(1.2 * fs)][:, ::-1]
    groups = [group(median, 2 * fs, label="MEDIAN BEATS"), group(signal, fs, label="RHYTHM")]
    return save(path, groups)


def group(
    signal: np.ndarray,
    fs: float,
    leads: Sequence[str] = STANDARD_LEADS,
    *,
    label: str = "RHYTHM",
    unit: str = "uV",
    sensitivity: float = 1.0,
    baseline: float = 0.0,
    padding: int | None = None,
    bits: int = 16,
    names: Sequence[str] | None = None,
) -> Any:
    """One multiplex group of [C, T] in mV; NaN becomes `padding`, and `names` the meanings of the leads' codes."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence as DicomSequence

    item = Dataset()
    item.MultiplexGroupLabel = label
    item.MultiplexGroupTimeOffset = 0
    item.WaveformOriginality = "ORIGINAL"
    item.NumberOfWaveformChannels = len(leads)
    item.NumberOfWaveformSamples = signal.shape[1]
    item.SamplingFrequency = fs
    channels = []
    for lead, name in zip(leads, names or [f"Lead {lead}" for lead in leads], strict=True):
        channel, source, units = Dataset(), Dataset(), Dataset()
        source.CodeValue = f"5.6.3-9-{_CODES[lead]}" if lead in _CODES else "0"
        source.CodingSchemeDesignator, source.CodeMeaning = "SCPECG", name
        units.CodeValue, units.CodingSchemeDesignator, units.CodeMeaning = unit, "UCUM", unit
        channel.ChannelSourceSequence = DicomSequence([source])
        channel.ChannelSensitivity = sensitivity
        channel.ChannelSensitivityUnitsSequence = DicomSequence([units])
        channel.ChannelSensitivityCorrectionFactor = 1
        channel.ChannelBaseline = baseline
        channel.WaveformBitsStored = bits
        channels.append(channel)
    item.ChannelDefinitionSequence = DicomSequence(channels)
    item.WaveformBitsAllocated = bits
    item.WaveformSampleInterpretation = {16: "SS", 32: "SL"}[bits]
    dtype = {16: "<i2", 32: "<i4"}[bits]
    per_millivolt = {"uV": 1000.0, "mV": 1.0, "mm[Hg]": 1.0}[unit]
    stored = np.rint((np.nan_to_num(signal) * per_millivolt - baseline) / sensitivity).astype(dtype)
    if padding is not None:
        stored[np.isnan(signal)] = padding
        item.WaveformPaddingValue = np.array([padding], dtype=dtype).tobytes()
    item.WaveformData = stored.T.tobytes()
    return item


def save(path: Path, groups: Sequence[Any], storage: str = _STORAGE_12_LEAD) -> Path:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.sequence import Sequence as DicomSequence
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = storage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["made up"])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = storage, meta.MediaStorageSOPInstanceUID
    dataset.Modality, dataset.PatientName, dataset.PatientID = "ECG", "made^up", "0"
    dataset.WaveformSequence = DicomSequence(list(groups))
    dataset.save_as(str(path), enforce_file_format=True)
    return path
