"""NumPy arrays: numbers without names, rates and units, which the user gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dataset_scripts.errors import EcgInputError
from ecg_files.channels import Channels, check_length
from ecg_files.ecg_file import one_line
from ecg_files.limits import Limits
from ecg_files.units import to_millivolts
from modeling_meit.ecg_signal import MISSING_INT16, STANDARD_LEADS


def read_npy(path: Path, fs: float | None, leads: Sequence[str] | None, unit: str | None, limits: Limits) -> Channels:
    """Read [leads, T] or [T, leads].

    Args:
        path: of the file.
        fs: sampling rate in Hz.
        leads: names in their order; None where there are twelve in the standard order.
        unit: of the values; None: int16 in uV (-32768 = missing), floats in mV.
        limits: see there.

    Raises:
        EcgInputError: no rate; no array of numbers (Python objects are never read); another shape than the names say.
    """
    try:
        # Mapped, so that the shape is known before memory is taken; never unpickled, which would run code.
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
    except MemoryError:
        raise
    except Exception as error:  # numpy lets through whatever Python's own parser makes of the header
        reason = one_line(str(error), 120)
        raise EcgInputError(f"not an .npy array of numbers ({reason}); write it with numpy.save") from error
    count = len(STANDARD_LEADS if leads is None else leads)
    if not isinstance(stored, np.ndarray) or stored.ndim != 2 or count not in stored.shape:
        shape = getattr(stored, "shape", "several arrays")
        given = "whose names are not given (on the command line --leads I,II,V1)" if leads is None else "given"
        raise EcgInputError(f"the array holds {shape}, expected ({count}, T) or (T, {count}) for {count} leads {given}")
    if stored.dtype != np.int16 and not np.issubdtype(stored.dtype, np.floating):
        raise EcgInputError(f"the array holds {stored.dtype}, expected floats in mV or int16 in uV")
    if fs is None:
        raise EcgInputError("the array does not say its sampling rate; give it in Hz (on the command line --fs 500)")
    rows = stored if stored.shape[0] == count else stored.T
    check_length(rows.shape[1], count, fs, limits)
    is_microvolts = stored.dtype == np.int16
    assumed = "uV" if is_microvolts else "mV"
    notes = () if unit else (f"The file does not state the unit of its values: {assumed} is assumed.",)
    values = np.asarray(rows, dtype=np.float64)
    factor = to_millivolts(unit or assumed)
    # Divided where that is exact: 0.123 and not 0.12300000000000001.
    values = values / 1000.0 if factor == 1e-3 else values * factor
    if is_microvolts:
        values = np.where(rows == MISSING_INT16, np.nan, values)
    return Channels(values, fs, leads, notes)
