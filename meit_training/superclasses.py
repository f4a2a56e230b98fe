"""PTB-XL's five diagnostic superclasses, the field's common classification task."""

from __future__ import annotations

from collections.abc import Iterable

# Column diagnostic_class of PTB-XL's scp_statements.csv: its 44 diagnostic statements.
SUPERCLASSES: dict[str, tuple[str, ...]] = {
    "NORM": ("NORM",),
    "MI": (
        *("AMI", "ASMI", "ALMI", "LMI", "IMI", "ILMI", "IPMI", "IPLMI", "PMI"),
        *("INJAS", "INJAL", "INJIN", "INJLA", "INJIL"),
    ),
    "STTC": (
        *("NDT", "NST_", "DIG", "LNGQT", "ANEUR", "EL"),
        *("ISC_", "ISCAL", "ISCIN", "ISCIL", "ISCAS", "ISCLA", "ISCAN"),
    ),
    "CD": ("LAFB", "LPFB", "IRBBB", "CRBBB", "ILBBB", "CLBBB", "IVCD", "1AVB", "2AVB", "3AVB", "WPW"),
    "HYP": ("LVH", "RVH", "SEHYP", "LAO/LAE", "RAO/RAE"),
}
_CLASS_OF = {code: name for name, codes in SUPERCLASSES.items() for code in codes}


def superclasses_of(codes: Iterable[str]) -> set[str]:
    """The superclasses of a record's SCP codes, whatever their likelihood (Strodthoff et al., 2021).

    A record without a diagnostic statement has none; the benchmark leaves it out.
    """
    return {_CLASS_OF[code] for code in codes if code in _CLASS_OF}
