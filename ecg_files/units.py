"""Units of voltage as files write them."""

from __future__ import annotations

from dataset_scripts.errors import EcgInputError
from ecg_files.ecg_file import one_line

_TO_MILLIVOLTS = {"nv": 1e-6, "uv": 1e-3, "mv": 1.0, "v": 1e3}
_MICRO = str.maketrans({"\N{MICRO SIGN}": "u", "\N{GREEK SMALL LETTER MU}": "u"})
UNITS = ("nV", "uV", "mV", "V")
"""What a user may say of a file that does not."""


def to_millivolts(unit: str) -> float | None:
    """Return what a value in `unit` is multiplied with to be in mV; None where that is no voltage.

    Case does not matter for "uV" and "mV" (megavolts are no ECG); a micro sign stands for "u".
    """
    return _TO_MILLIVOLTS.get(unit.strip().translate(_MICRO).lower())


def check_unit(unit: str | None) -> None:
    """Refuse a unit that a user gave and `to_millivolts` does not know.

    Raises:
        EcgInputError: it is not.
    """
    if unit is not None and to_millivolts(unit) is None:
        raise EcgInputError(
            f"unit {one_line(unit, 30)!r}, expected one of {', '.join(UNITS)}; correct the unit that you give "
            "(on the command line --unit uV)"
        )


def stated_factor(lead: str, stated: str, unit: str | None) -> float:
    """Return what a lead's values are multiplied with to be in mV.

    Args:
        lead: its name, for the message.
        stated: unit in the file; empty where there is none.
        unit: what the user says.

    Raises:
        EcgInputError: none of the two says it, they differ, or it is no voltage.
    """
    if stated and unit is not None and to_millivolts(stated) != to_millivolts(unit):
        raise EcgInputError(
            f"the file says that lead {one_line(lead, 30)} is in {one_line(stated, 30)!r}, not {unit}; "
            "leave out the unit that you give (on the command line --unit)"
        )
    factor = to_millivolts(stated or unit or "")
    if factor is None:
        said = f"in {one_line(stated, 30)!r}" if stated else "without a unit"
        raise EcgInputError(
            f"lead {one_line(lead, 30)} is {said}, expected uV, mV or V; correct the file, or give the unit where it "
            "states none (on the command line --unit uV)"
        )
    return factor
