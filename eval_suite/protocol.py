"""What is scored and how, under a name and a version that every table carries: numbers compare only within one."""

from __future__ import annotations

from dataclasses import dataclass

from eval_suite.metrics.text import metric_definitions


@dataclass(frozen=True)
class Protocol:
    """A way of scoring; its version changes with anything that moves a number.

    Attributes:
        name: as `--protocol` and the tables give it.
        version: raised with every change of rows, tokens, metrics, controls or intervals.
        rules: what it prescribes, in a sentence.
    """

    name: str
    version: int
    rules: str


STRICT = Protocol(
    name="strict",
    version=1,
    rules="the model's answer alone (no prompt, no template, no special token) against the whole report of the row, "
    "every row of the split, corpus-level BLEU, one tokenisation for every metric",
)

CONTROLS = (
    "the model with ECG values of zeros put in after the extractor (blank) and with another patient's record of the "
    "split (shuffled); for every row the most frequent and a random training report, told: among those in the row's "
    "own language"
)


@dataclass(frozen=True)
class Conditions:
    """What a table was computed under.

    Attributes:
        system: what was evaluated: a model with the hash of its files, or a file of predictions.
        data: name of the data set.
        split: "train", "validation" or "test".
        rows: rows scored.
        rows_in_split: rows that the split has.
        patients: distinct patients among the rows scored.
        text_column: the column that is the reference, "report" or "report_raw".
        language_told: whether the prompt names the report's language; None where a file of predictions does not say.
        seed: of the prompts, the controls and the bootstrap.
        samples: bootstrap draws.
        protocol: how it is scored.
    """

    system: str
    data: str
    split: str
    rows: int
    rows_in_split: int
    patients: int
    text_column: str
    language_told: bool | None
    seed: int
    samples: int
    protocol: Protocol = STRICT

    def lines(self) -> dict[str, str]:
        """Everything a table must say of itself, label -> text, in the order to print it."""
        told = {True: "yes", False: "no", None: "not stated"}[self.language_told]
        every = "" if self.rows == self.rows_in_split else f" (the first of {self.rows_in_split:,})"
        return {
            "protocol": f"{self.protocol.name} version {self.protocol.version}: {self.protocol.rules}",
            "evaluated": self.system,
            "data": f"{self.data}, split {self.split}",
            "rows scored": f"{self.rows:,}{every}, of {self.patients:,} patients",
            "text column": self.text_column,
            "language told to the model": told,
            "interval": f"95 % percentile bootstrap, {self.samples:,} draws of whole patients",
            "seed": str(self.seed),
            "controls": CONTROLS,
            **metric_definitions(),
        }
