"""HL7 aECG, SCP-ECG and GE MUSE XML, parsed by ecgdatakit; scales, units, times and checksums are looked at here.

ANSI/HL7 V3 ECG, R1-2004 (aECG); EN 1064 and ISO 11073-91064 (SCP-ECG); restecg.dtd (MUSE).
"""

from __future__ import annotations

import warnings
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from dataset_scripts.errors import EcgInputError
from ecg_files.channels import Channels, check_length, lead_called
from ecg_files.ecg_file import one_line
from ecg_files.extras import needed
from ecg_files.limits import Limits
from ecg_files.units import stated_factor

_PARSERS = {
    "HL7 aECG": ("hl7_aecg", "HL7aECGParser"),
    "SCP-ECG": ("scp_ecg", "SCPECGParser"),
    "GE MUSE XML": ("ge_muse_xml", "GEMuseXMLParser"),
}
# Notes are for what changes the samples; that some lead's checksum is wrong refuses the file instead.
_OF_NO_MATTER = ("not an integer; rounded", "CRC", "left in raw counts", "left unscaled")


def read_exchange_format(path: Path, kind: str, unit: str | None, limits: Limits) -> Channels:
    """Read the rhythm of a file in one of the three formats.

    Args:
        path: of the file.
        kind: "HL7 aECG", "SCP-ECG" or "GE MUSE XML".
        unit: of the leads where the file names none.
        limits: see there.

    Raises:
        EcgInputError: a damaged file, a checksum that does not hold, XML that declares entities, leads at different
            rates, without a scale or without a known unit.
    """
    module, parser = _PARSERS[kind]
    library = needed(f"ecgdatakit.parsing.parsers.{module}")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            record = getattr(library, parser)().parse(path)
    except MemoryError:
        raise
    except Exception as error:  # the library raises whatever its parsers run into
        if "entity declarations" in str(error):  # ecgdatakit's words; what follows is the file's
            raise EcgInputError(
                f"the {kind} file declares XML entities, which are never read; export it again"
            ) from error
        reason = one_line(str(error).replace(f" in {path}", "").replace(str(path), "the file"), 200)
        raise EcgInputError(f"the {kind} file is damaged or of an unknown kind ({reason}); export it again") from error
    if record.raw_metadata.get("checksum_valid") is False:
        raise EcgInputError(f"the {kind} file's checksum does not hold: it was changed or damaged; get it again")
    found = [str(warning.message) for warning in caught if warning.category is UserWarning]
    notes = [one_line(text, 200) for text in found if not any(known in text for known in _OF_NO_MATTER)]
    return _channels(record, kind, unit, notes, limits)


def _channels(record: Any, kind: str, unit: str | None, notes: list[str], limits: Limits) -> Channels:
    kept = [lead for lead in record.leads if lead_called(lead.label)]
    others = tuple(lead.label for lead in record.leads if not lead_called(lead.label))
    if not kept:
        raise EcgInputError(f"the {kind} file has no lead with a known name ({', '.join(map(one_line, others[:6]))})")
    if len({lead.sampling_rate for lead in kept}) > 1:
        raise EcgInputError(f"the {kind} file has leads at different sampling rates, expected one; resample the leads")
    rate = _exact_rate(record.raw_metadata, float(kept[0].sampling_rate))
    _check_scales(kept, kind)
    starts = [int(lead.annotations.get("start_sample", 1)) - 1 for lead in kept]
    lengths = [start + len(lead.samples) for start, lead in zip(starts, kept, strict=True)]
    check_length(max(lengths), len(kept), rate, limits)
    values = np.full((len(kept), max(lengths)), np.nan)
    for row, (start, lead) in enumerate(zip(starts, kept, strict=True)):
        factor = stated_factor(lead.label, lead.resolution_unit, unit)
        values[row, start : start + len(lead.samples)] = (lead.samples * lead.resolution + lead.offset) * factor
    if min(lengths) < max(lengths) or any(starts):
        notes.append("The leads do not all last equally long: what a lead lacks is taken as missing.")
    return Channels(values, rate, [lead.label for lead in kept], tuple(notes), others)


def _check_scales(leads: list[Any], kind: str) -> None:
    """Refuse leads whose file does not say what one unit of a sample stands for; ecgdatakit takes 1 then.

    Raises:
        EcgInputError: there are such leads.
    """
    without = [one_line(lead.label, 30) for lead in leads if not (lead.adc_resolution and isfinite(lead.resolution))]
    if without:
        raise EcgInputError(
            f"the {kind} file gives no scale for {', '.join(without[:6])}{' and others' if len(without) > 6 else ''}, "
            "so the samples stand for no voltage; export it again"
        )


def _exact_rate(metadata: dict[str, Any], rounded: float) -> float:
    """Return the rate that ecgdatakit gives as a whole number, from the interval in the file where it is known."""
    exact = metadata.get("rhythm_time", {}).get("sampling_rate_exact")
    if exact is None and (interval_us := metadata.get("rhythm_sample_interval_us")):
        exact = 1e6 / interval_us
    # 1 / 0.002 s is 500.00000000000006 Hz or so: not another rate than 500 Hz.
    return rounded if exact is None or abs(exact - rounded) < 1e-6 * rounded else exact
