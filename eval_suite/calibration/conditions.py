"""What a calibration must say of how it was made."""

from __future__ import annotations

from dataclasses import dataclass

from eval_suite.calibration import reliability, selective
from eval_suite.calibration.abstention import ERRORS

_SEEN = (
    "these reports are of the split train, on which a model may have been trained: it errs less on them than on "
    "others, and nothing below holds for others"
)


@dataclass(frozen=True)
class CalibrationConditions:
    """What a calibration was computed under.

    Attributes:
        system: what was evaluated.
        data: name of the data set.
        split: "train", "validation" or "test".
        rows: rows scored.
        rows_in_split: rows that the split has.
        patients: distinct patients among the rows scored.
        text_column: the column that is the reference.
        confidence: what it is.
        seed: of the halves and of the intervals.
        samples: bootstrap draws.
    """

    system: str
    data: str
    split: str
    rows: int
    rows_in_split: int
    patients: int
    text_column: str
    confidence: str
    seed: int
    samples: int

    def lines(self) -> dict[str, str]:
        """Everything the tables must say of themselves, label -> text, in the order to print it."""
        every = "" if self.rows == self.rows_in_split else f" (the first of {self.rows_in_split:,})"
        return {
            **({"WARNING": _SEEN} if self.split == "train" else {}),
            "evaluated": self.system,
            "data": f"{self.data}, split {self.split}, text column {self.text_column}",
            "rows scored": f"{self.rows:,}{every}, of {self.patients:,} patients",
            "confidence": self.confidence,
            **{f"error {name}": text for name, text in ERRORS.items()},
            **selective.DEFINITIONS,
            **reliability.DEFINITIONS,
            "halves": "of the patients, by seed: thresholds are chosen and isotonic regressions fitted on the first, "
            "both measured on the second, reliability too; the curves are of all rows",
            "interval": f"95 % percentile bootstrap, {self.samples:,} draws of whole patients; draws in which a value "
            "is not defined are left out, and no bounds are shown where all of them are equal",
            "seed": str(self.seed),
        }
