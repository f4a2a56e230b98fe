"""EDF and EDF+ recordings, read by pyedflib once `check_edf` has looked at their header."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dataset_scripts.errors import EcgInputError
from ecg_files.channels import Channels, check_length, lead_called
from ecg_files.ecg_file import one_line
from ecg_files.edf_check import check_edf
from ecg_files.extras import needed
from ecg_files.limits import Limits
from ecg_files.units import stated_factor


def read_edf(path: Path, unit: str | None, limits: Limits) -> Channels:
    """Read the ECG leads of a recording; annotations and channels of another kind are left out.

    Args:
        path: of the file.
        unit: of the leads where the file names none.
        limits: see there.

    Raises:
        EcgInputError: a damaged, cut or discontinuous file; leads at different rates; leads that are not in volts.
    """
    check_edf(path)
    pyedflib = needed("pyedflib")
    try:
        reader = pyedflib.EdfReader(str(path), annotations_mode=pyedflib.DO_NOT_READ_ANNOTATIONS)
    except OSError as error:
        reason = one_line(str(error).replace(f"{path}: ", ""), 160)
        raise EcgInputError(f"the EDF file is damaged ({reason}); export it again") from error
    try:
        return _leads(reader, unit, limits)
    finally:
        reader.close()


def _leads(reader: Any, unit: str | None, limits: Limits) -> Channels:
    labels = [label.strip() for label in reader.getSignalLabels()]  # pyedflib leaves annotations out
    kept = [row for row, label in enumerate(labels) if lead_called(label)]
    others = tuple(label for row, label in enumerate(labels) if row not in kept)
    if not kept:
        found = ", ".join(map(one_line, others[:6])) or "none"
        raise EcgInputError(
            f"no channel of the EDF file has the name of a lead (found: {found}); name them I, II, V1 and so on"
        )
    rates = {float(reader.getSampleFrequency(row)) for row in kept}
    if len(rates) > 1:
        listed = ", ".join(f"{rate:g}" for rate in sorted(rates))
        raise EcgInputError(f"the leads have different sampling rates ({listed} Hz), expected one; resample the leads")
    rate = rates.pop()
    samples = int(reader.getNSamples()[kept[0]])
    check_length(samples, len(kept), rate, limits)
    values = np.empty((len(kept), samples))
    for position, row in enumerate(kept):
        factor = stated_factor(labels[row], reader.getPhysicalDimension(row).strip(), unit)
        values[position] = reader.readSignal(row) * factor
    return Channels(values, rate, [labels[row] for row in kept], others=others)
