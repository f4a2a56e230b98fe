"""DICOM waveforms: 12-lead, general and ambulatory ECG objects, read by pydicom.

DICOM PS3.3 C.10.9 (Waveform Module) and A.34; lead codes are those of PS3.16, CID 3001.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from dataset_scripts.errors import EcgInputError
from ecg_files.channels import Channels, check_length, lead_called
from ecg_files.ecg_file import one_line
from ecg_files.extras import needed
from ecg_files.limits import Limits
from ecg_files.units import stated_factor

_DEFLATED = "1.2.840.10008.1.2.1.99"
_SAMPLE_TYPES = {
    ("SB", 8): "i1",
    ("UB", 8): "u1",
    ("SS", 16): "i2",
    ("US", 16): "u2",
    ("SL", 32): "i4",
    ("UL", 32): "u4",
}
_AVERAGED = re.compile(r"median|average|template|representative", re.IGNORECASE)
# SCPECG "5.6.3-9-61" and MDC "2:61" share their last number: ISO/IEEE 11073-10101, table of leads.
_CODE = re.compile(r"(?:5\.6\.3-9-|2:)(\d+)")
_CODED_LEADS = {1: "I", 2: "II", 61: "III", 62: "aVR", 63: "aVL", 64: "aVF", **{n + 2: f"V{n}" for n in range(1, 7)}}
_STANDARD = {"I", "II", "V1", "V2", "V3", "V4", "V5", "V6"}


@dataclass(frozen=True)
class _Group:
    """One multiplex group: channels that share rate, length and start."""

    item: Any
    names: tuple[str, ...]
    sampling_rate: float
    samples: int
    offset_ms: float
    label: str

    @property
    def duration(self) -> float:
        """In s; 0 for one at no rate, which is refused once it is read."""
        return self.samples / self.sampling_rate if self.sampling_rate > 0 else 0.0

    @property
    def leads(self) -> set[str]:
        """The standard leads among the names."""
        return {lead for name in self.names if (lead := lead_called(name))}


def read_dicom(path: Path, unit: str | None, limits: Limits) -> Channels:
    """Read the rhythm of a DICOM ECG; averaged beats are left out.

    Of several groups the longest with all leads is read; where none has them, groups of one rate, length and start are
    put together.

    Args:
        path: of the file.
        unit: of the leads where the file names none.
        limits: see there.

    Raises:
        EcgInputError: a damaged file, one without a waveform, with averaged beats only, with channels of no stated
            sensitivity or in other units than volts, or with samples that are not where the header says.
    """
    pydicom = needed("pydicom")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of elements that are not read here
            return _read_file(pydicom, path, unit, limits)
    except (EcgInputError, MemoryError):
        raise
    except Exception as error:  # pydicom raises whatever its decoder runs into
        reason = one_line(f"{type(error).__name__}: {error}", 160)
        raise EcgInputError(f"the DICOM file is damaged ({reason}); export it again") from error


def _read_file(pydicom: ModuleType, path: Path, unit: str | None, limits: Limits) -> Channels:
    meta = pydicom.filereader.read_file_meta_info(path)
    if getattr(meta, "TransferSyntaxUID", None) == _DEFLATED:
        # Its size is known only after it was inflated into memory.
        raise EcgInputError("the DICOM file is deflated as a whole; save it as Explicit VR Little Endian")
    dataset = pydicom.dcmread(path)
    sequence = dataset.get("WaveformSequence")
    if not sequence:
        kind = one_line(str(getattr(dataset, "Modality", "")), 16) or "unknown"
        raise EcgInputError(f"the DICOM file holds no waveform (modality {kind}), expected an ECG, not an image")
    groups = [_group(item) for item in sequence]
    rhythms = [group for group in groups if not _AVERAGED.search(group.label)]
    if not rhythms:
        raise EcgInputError("the DICOM file holds averaged beats only, expected a rhythm of some seconds")
    return _read(_chosen(rhythms), len(groups), unit, limits)


def _group(item: Any) -> _Group:
    channels = item.get("ChannelDefinitionSequence") or []
    samples, rate = int(item.NumberOfWaveformSamples), float(item.SamplingFrequency)
    if len(channels) != int(item.NumberOfWaveformChannels):
        raise EcgInputError(
            f"the DICOM file announces {int(item.NumberOfWaveformChannels)} channels and describes {len(channels)}; "
            "export it again"
        )
    names = tuple(_name(channel) for channel in channels)
    offset = float(item.get("MultiplexGroupTimeOffset") or 0)
    return _Group(item, names, rate, samples, offset, str(item.get("MultiplexGroupLabel") or ""))


def _name(channel: Any) -> str:
    """Return a channel's name: the code's meaning where that is a lead, else the code's lead, else the label."""
    source = channel.ChannelSourceSequence[0] if channel.get("ChannelSourceSequence") else None
    meaning = str(source.get("CodeMeaning") or "") if source is not None else ""
    code = _CODE.fullmatch(str(source.get("CodeValue") or "")) if source is not None else None
    label = str(channel.get("ChannelLabel") or "")
    coded = _CODED_LEADS.get(int(code[1]), "") if code else ""
    return next((name for name in (meaning, coded, label) if name and lead_called(name)), meaning or label)


def _chosen(groups: Sequence[_Group]) -> list[_Group]:
    whole = [group for group in groups if group.leads >= _STANDARD]
    if whole:
        return [max(whole, key=lambda group: group.duration)]
    together: dict[tuple[float, int, float], list[_Group]] = {}
    for group in groups:
        together.setdefault((group.sampling_rate, group.samples, group.offset_ms), []).append(group)
    return max(together.values(), key=lambda found: sum(len(group.leads) for group in found))


def _read(groups: list[_Group], stored: int, unit: str | None, limits: Limits) -> Channels:
    values, names, others, padded = [], [], [], 0
    for group in groups:
        channels = len(group.names)
        check_length(group.samples, channels, group.sampling_rate, limits)
        raw = _samples(group)
        padding = _padding(group.item, raw.dtype)
        for row, (name, channel) in enumerate(zip(group.names, group.item.ChannelDefinitionSequence, strict=True)):
            if lead_called(name) is None:
                others.append(name)
                continue
            names.append(name)
            values.append(_physical(raw[:, row], name, channel, unit))
            if padding is not None:
                missing = raw[:, row] == padding
                values[-1][missing] = np.nan
                padded += int(missing.sum())
    notes = []
    if padded:
        notes.append(f"{padded} samples hold the file's padding value and are taken as missing.")
    if stored > len(groups):
        label = one_line(groups[0].label, 30)
        notes.append(f"Of {stored} groups of waveforms {f'the group {label}' if label else 'the rhythm'} is read.")
    if len(groups) > 1:
        notes.append(f"{len(groups)} groups of waveforms of the same time are put together.")
    skew = max((_skew_ms(group) for group in groups), key=abs)
    if skew:
        notes.append(f"The file states that channels were sampled up to {skew:.3g} ms apart; this is not corrected.")
    signal = np.stack(values) if values else np.empty((0, groups[0].samples))
    return Channels(signal, groups[0].sampling_rate, names, tuple(notes), tuple(others))


def _skew_ms(group: _Group) -> float:
    """Return how far apart in time the samples of one moment were taken (PS3.3 C.10.9.1.4.2), of the leads."""
    skews = []
    for name, channel in zip(group.names, group.item.ChannelDefinitionSequence, strict=True):
        if lead_called(name):
            seconds = float(channel.get("ChannelTimeSkew") or 0)
            skews.append(1000 * (seconds + float(channel.get("ChannelSampleSkew") or 0) / group.sampling_rate))
    return max(skews) - min(skews) if skews else 0.0


def _samples(group: _Group) -> np.ndarray:
    """Return the stored numbers [T, C] of one group."""
    item, channels = group.item, len(group.names)
    kind, bits = str(item.WaveformSampleInterpretation), int(item.WaveformBitsAllocated)
    if (kind, bits) not in _SAMPLE_TYPES:
        raise EcgInputError(
            f"the DICOM file has samples of kind {one_line(kind, 16)} with {bits} bits, expected SB, UB, SS, US, SL or "
            "UL; export it without companding"
        )
    data = item.WaveformData
    dtype = np.dtype(_SAMPLE_TYPES[kind, bits]).newbyteorder("<" if _is_little_endian(item) else ">")
    expected = group.samples * channels * dtype.itemsize
    if expected == 0 or len(data) < expected:
        raise EcgInputError(
            f"the DICOM waveform is cut short: {len(data)} bytes, its header asks for {expected} "
            f"({group.samples} samples of {channels} channels); export it again"
        )
    return np.frombuffer(data, dtype=dtype, count=group.samples * channels).reshape(group.samples, channels)


def _is_little_endian(item: Any) -> bool:
    return item.original_encoding[1] is not False


def _padding(item: Any, dtype: np.dtype) -> int | None:
    stored = item.get("WaveformPaddingValue")
    if stored is None:
        return None
    if isinstance(stored, bytes):
        return int(np.frombuffer(stored[: dtype.itemsize], dtype=dtype)[0]) if len(stored) >= dtype.itemsize else None
    return int(stored)


def _physical(stored: np.ndarray, name: str, channel: Any, unit: str | None) -> np.ndarray:
    """Return one channel in mV: stored * sensitivity * correction factor + baseline (PS3.3 C.10.9.1.4)."""
    sensitivity = channel.get("ChannelSensitivity")
    if sensitivity is None:
        raise EcgInputError(f"lead {one_line(name, 30)} has no sensitivity, so its samples stand for no voltage")
    correction = channel.get("ChannelSensitivityCorrectionFactor")
    correction = 1.0 if correction is None else float(correction)
    factor = float(sensitivity) * correction
    if not (math.isfinite(factor) and factor):
        raise EcgInputError(
            f"lead {one_line(name, 30)} has the sensitivity {float(sensitivity):g} and its correction factor "
            f"{correction:g}, so its samples stand for no voltage; export the file again"
        )
    units = channel.get("ChannelSensitivityUnitsSequence")
    stated = str(units[0].get("CodeValue") or "") if units else ""
    baseline = float(channel.get("ChannelBaseline") or 0)
    return (stored * factor + baseline) * stated_factor(name, stated, unit)
