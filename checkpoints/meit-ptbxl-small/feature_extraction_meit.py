"""`MeitFeatureExtractor`: recordings of any rate and lead order become `ecg_values` in millivolts with a mask."""

from __future__ import annotations

import warnings as python_warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from transformers.feature_extraction_utils import BatchFeature, FeatureExtractionMixin
from transformers.utils import TensorType

from .ecg_signal import (
    FLAT_LEAD_MV,
    LARGEST_MV,
    MISSING_INT16,
    STANDARD_LEADS,
    check_sampling_rate,
    order_leads,
    rate_ratio,
    resample,
    signal_problems,
)

__all__ = ["FLAT_LEAD_MV", "LARGEST_MV", "STANDARD_LEADS", "MeitFeatureExtractor", "order_leads", "signal_problems"]

CROPS = ("start", "center")
MAX_LISTED = 5


class MeitFeatureExtractor(FeatureExtractionMixin):
    """Brings 12-lead recordings into the shape the ECG encoder was trained on, in millivolts, never z-scored.

    Leads are reordered by name; the sampling rate is changed with a polyphase filter; missing samples (NaN, infinities,
    -32768 in int16) are masked and do not touch their neighbours; a recording that is too long is cut to `duration`
    seconds, one that is too short is padded at its end with zeros under a False mask. What is done to a recording
    beyond reordering and resampling is said in one `UserWarning` a call.

    Args:
        sampling_rate: of the model's input, in Hz.
        duration: of the model's input, in seconds.
        leads: names of the model's leads, in the order of its rows.
        crop: which `duration` seconds of a longer recording are read: "start" (the first) or "center".

    Raises:
        ValueError: a setting is not usable.
    """

    model_input_names = ["ecg_values", "ecg_mask"]

    def __init__(
        self,
        sampling_rate: int = 100,
        duration: float = 10.0,
        leads: Sequence[str] = STANDARD_LEADS,
        crop: str = "start",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_sampling_rate(sampling_rate)
        if crop not in CROPS:
            raise ValueError(f"crop {crop!r}, expected one of {', '.join(CROPS)}")
        if round(duration * sampling_rate) < 1:
            raise ValueError(f"duration {duration} s at {sampling_rate} Hz holds no sample")
        self.sampling_rate = sampling_rate
        self.duration = duration
        self.leads = list(leads)
        self.crop = crop

    @property
    def num_samples(self) -> int:
        """Samples of one lead of the model's input."""
        return round(self.duration * self.sampling_rate)

    def __call__(
        self,
        ecg: Any,
        sampling_rate: float | Sequence[float] | None = None,
        lead_names: Sequence[str] | Sequence[Sequence[str]] | None = None,
        return_tensors: str | TensorType | None = None,
    ) -> BatchFeature:
        """Turn one recording or a batch of them into the model's input.

        Args:
            ecg: one recording [12, T], a list of them of any lengths, or a batch [B, 12, T]; arrays or CPU tensors.
                Floats are millivolts with NaN for a missing sample; int16 are microvolts, as the data sets store them.
            sampling_rate: of the recordings in Hz, one for all or one each. It must be given: an array does not say it,
                and a wrong one is a wrong heart rate in the report.
            lead_names: names of the rows, one list for all or one each; None: the rows are in the order of `leads`.
            return_tensors: "pt" for torch tensors, None or "np" for numpy arrays.

        Returns:
            `ecg_values` float32 [B, 12, duration * sampling_rate] in millivolts, 0 where not measured, and `ecg_mask`
            bool of the same shape, True = measured.

        Raises:
            ValueError: a recording cannot be used; in a batch the message begins with its row.
        """
        records = _as_records(ecg)
        rates = self._rate_of_each(sampling_rate, len(records))
        names = _names_of_each(lead_names, len(records))
        values: np.ndarray = np.zeros((len(records), len(self.leads), self.num_samples), dtype=np.float32)
        mask: np.ndarray = np.zeros(values.shape, dtype=bool)
        todo = self._copy_ready(records, rates, names, values, mask)
        warnings: list[str] = []
        for row in todo:
            where = f"row {row}: " if len(records) > 1 else ""
            try:
                found = self._extract(records[row], rates[row], names[row], values[row], mask[row])
            except ValueError as error:
                raise ValueError(f"{where}{error}") from None
            if found:
                warnings.append(where + "; ".join(found))
        if warnings:
            more = f" (and {len(warnings) - MAX_LISTED} more rows)" if len(warnings) > MAX_LISTED else ""
            python_warnings.warn("ECG: " + " | ".join(warnings[:MAX_LISTED]) + more, UserWarning, stacklevel=2)
        return BatchFeature({"ecg_values": values, "ecg_mask": mask}, tensor_type=return_tensors)

    def _rate_of_each(self, sampling_rate: float | Sequence[float] | None, count: int) -> list[float]:
        """Return one checked sampling rate a recording."""
        if sampling_rate is None:
            raise ValueError(
                "no sampling_rate was given; pass the recording's in Hz, as in sampling_rate=500 "
                f"(the model's own is {self.sampling_rate}): a wrong one would be a wrong heart rate"
            )
        # A column of a data set may be a list, an array, a tensor or a list of tensors.
        given: Any = sampling_rate.tolist() if hasattr(sampling_rate, "tolist") else sampling_rate
        rates = list(given) if isinstance(given, (list, tuple)) else [given] * count
        rates = [rate.item() if hasattr(rate, "item") else rate for rate in rates]
        if len(rates) != count:
            raise ValueError(f"{len(rates)} sampling rates for {count} recordings; give one, or one for each")
        for rate in set(rates):
            check_sampling_rate(rate)
        return rates

    def _copy_ready(
        self,
        records: np.ndarray | list[np.ndarray],
        rates: list[float],
        names: list[Sequence[str] | None],
        values: np.ndarray,
        mask: np.ndarray,
    ) -> list[int]:
        """Fill the rows that are complete and already at the model's rate and length; return the other rows.

        A batch of a stored data set passes here in one step, so that reading is not what training waits for.
        """
        everything = list(range(len(records)))
        same_names = names[0] is None or all(row_names is names[0] for row_names in names)
        shapes = {np.shape(record) for record in records} if isinstance(records, list) else {records.shape[1:]}
        dtypes = {record.dtype for record in records} if isinstance(records, list) else {records.dtype}
        if (
            shapes != {values.shape[1:]}
            or dtypes not in ({np.dtype(np.int16)}, {np.dtype(np.float32)})
            or set(rates) != {self.sampling_rate}
            or not same_names
        ):
            return everything
        batch = np.stack(records) if isinstance(records, list) else records
        if names[0] is not None:
            batch = order_leads(batch, names[0], self.leads)
        low, high = batch.min(axis=2), batch.max(axis=2)
        if batch.dtype == np.int16:
            # Python's floats keep 5 uV and 32,767 uV exact here.
            low, high = low / 1000, np.where(low == MISSING_INT16, np.nan, high / 1000)
            np.divide(batch, np.float32(1000), out=values)
        else:
            np.copyto(values, batch)
        mask[:] = True
        # A NaN or infinity anywhere in a lead is in its extremes, and fails every comparison.
        with np.errstate(invalid="ignore"):
            sound = (high - low >= FLAT_LEAD_MV) & (high <= LARGEST_MV) & (low >= -LARGEST_MV)
        return np.flatnonzero(~sound.all(axis=1)).tolist()

    def _extract(
        self, record: np.ndarray, rate: float, names: Sequence[str] | None, values: np.ndarray, mask: np.ndarray
    ) -> list[str]:
        """Fill one row from one recording of any rate and length; return the warnings."""
        signal = _millivolts(record)
        if names is not None:
            signal = order_leads(signal, names, self.leads)
        elif signal.shape[0] != len(self.leads):
            raise ValueError(
                f"the recording has shape {signal.shape}, expected ({len(self.leads)}, T): the leads "
                f"{', '.join(self.leads)} in rows; pass lead_names if they are named otherwise"
            )
        up, down = rate_ratio(rate, self.sampling_rate)
        needed = -(-self.num_samples * down // up)
        length = signal.shape[1]
        surplus = length - needed
        start = surplus // 2 if self.crop == "center" and surplus > 0 else 0
        signal = signal[:, start : start + needed]
        refusals, warnings = signal_problems(signal, rate, self.leads)
        if refusals:
            raise ValueError("this ECG cannot be read: " + "; ".join(refusals))
        resampled, measured = resample(signal, np.isfinite(signal), up, down)
        kept = min(resampled.shape[1], self.num_samples)
        values[:, :kept] = np.where(measured, resampled, 0.0)[:, :kept]
        values[:, kept:] = 0.0
        mask[:, :kept] = measured[:, :kept]
        mask[:, kept:] = False
        if kept < self.num_samples:
            warnings.append(f"{length / rate:g} s long, padded to {self.duration:g} s")
        # A last sample at exactly `duration` is no loss worth a word.
        elif surplus > max(1, down // up):
            which = "first" if self.crop == "start" else "middle"
            warnings.append(f"{length / rate:g} s long, only the {which} {self.duration:g} s are read")
        return warnings


def _as_records(ecg: Any) -> np.ndarray | list[np.ndarray]:
    """Return a batch [B, C, T] as it is, anything else as a list of arrays [C, T].

    Raises:
        ValueError: there is no recording, or something is no array of two dimensions.
    """
    if isinstance(ecg, (str, bytes, dict)):
        raise ValueError(f"ecg is a {type(ecg).__name__}, expected an array [12, T], a list of them or [B, 12, T]")
    is_list = isinstance(ecg, (list, tuple))
    if is_list and len(ecg) > 0 and np.ndim(ecg[0]) == 2:
        records: np.ndarray | list[np.ndarray] = [np.asarray(record) for record in ecg]
    else:
        try:
            array = np.asarray(ecg)
        except ValueError:
            raise ValueError("ecg has leads of different lengths, expected an array [12, T]") from None
        if array.ndim not in (2, 3):
            raise ValueError(f"ecg has shape {array.shape}, expected [12, T], a list of such, or [B, 12, T]")
        records = array if array.ndim == 3 else [array]
    if len(records) == 0:
        raise ValueError("ecg is an empty batch, expected at least one recording")
    for record in records if isinstance(records, list) else records[:1]:
        if record.ndim != 2:
            raise ValueError(f"a recording has shape {record.shape}, expected [12, T]")
        if record.dtype != np.int16 and not np.issubdtype(record.dtype, np.floating):
            raise ValueError(
                f"a recording has dtype {record.dtype}, expected floats (millivolts) or int16 (microvolts, as the data "
                "sets store them); convert it with its file's gain, or with .astype('int16') if it holds microvolts"
            )
    return records


def _names_of_each(
    lead_names: Sequence[str] | Sequence[Sequence[str]] | None, count: int
) -> list[Sequence[str] | None]:
    """Return the lead names of each recording; the same object for all where they share them."""
    if lead_names is None or isinstance(lead_names, str) or all(isinstance(name, str) for name in lead_names):
        return [lead_names] * count  # type: ignore[list-item]
    if len(lead_names) != count:
        raise ValueError(f"{len(lead_names)} lists of lead names for {count} recordings; give one, or one for each")
    return list(lead_names)


def _millivolts(record: np.ndarray) -> np.ndarray:
    """Return a recording in millivolts, floats, NaN where int16 says that the sample is missing."""
    if record.dtype == np.int16:
        return np.where(record == MISSING_INT16, np.float32(np.nan), record / np.float32(1000))
    return record


MeitFeatureExtractor.register_for_auto_class("AutoFeatureExtractor")
