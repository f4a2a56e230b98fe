"""What the page needs of the data set itself: is it made up, under which licence is it, and the recordings to draw."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import datasets
import numpy as np

from dataset_scripts.card import BUILD_FILE, CARD
from dataset_scripts.errors import EcgInputError
from dataset_scripts.json_object import read_object
from dataset_scripts.sources.synthetic import SyntheticSource
from eval_suite.corruptions.stored import stored_ecgs
from eval_suite.page.cases import read_cases
from eval_suite.page.results import Results
from eval_suite.rows import DataSource, load_split
from modeling_meit.ecg_signal import MISSING_INT16

_LICENCE = re.compile(r"^## Licence\n(?P<terms>.*?)(?:```bibtex\n(?P<citation>.*?)```|\Z)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]*)\)")


@dataclass(frozen=True)
class Licence:
    """Under what a data set was given.

    Attributes:
        terms: the licence and what it asks for; links are written out.
        citation: BibTeX; "" where the card has none.
    """

    terms: str
    citation: str


class EvaluatedData:
    """A split of the data set that was evaluated.

    Attributes:
        synthetic: whether the results say that they are of it, and none of its rows is a patient's.
        licence: what its card says; None where there is none.

    Raises:
        EcgInputError: no such data set or split, a column is missing, or the results are of another.
    """

    def __init__(self, data: str | Path | DataSource, split: str, results: Results) -> None:
        self.source, self.split = DataSource.of(data), split
        named = self._check_names(results)
        if results.predictions:
            self._check_rows(results, results.predictions)
        self.synthetic = named and self._is_synthetic()
        self.licence = self._licence()

    def _check_names(self, results: Results) -> bool:
        """Whether the files name their data set and split; where they do, it must be this one."""
        named = False
        for kind, said in results.stated().items():
            other = (said.get("data set", self.source.name), said.get("split", self.split))
            if other != (self.source.name, self.split):
                raise EcgInputError(
                    f"the {kind} in {results.folder} are of the data set {other[0]}, split {other[1]}, and not of "
                    f"{self.source.name}, split {self.split}; give the data set and the split that were evaluated"
                )
            named = named or {"data set", "split"} <= said.keys()
        return named

    def _check_rows(self, results: Results, path: Path) -> None:
        """Every prediction must be of a row of the split: by its ecg_id and its reference."""
        column = next((said["text column"] for said in results.stated().values() if "text column" in said), "report")
        rows = load_split(self.source, self.split, ("ecg_id", column))
        texts = dict(zip(map(str, rows["ecg_id"]), rows[column], strict=True))
        predicted = read_cases(path)
        for ecg_id, reference in zip(map(str, predicted["ecg_id"]), predicted["reference"], strict=True):
            if ecg_id not in texts or (texts[ecg_id] or "") != (reference or ""):
                what = "no such ECG" if ecg_id not in texts else f"another {column} of it"
                raise EcgInputError(
                    f"{path} has a prediction of ECG {ecg_id}, and {self.source.name}, split {self.split}, has {what}; "
                    "give the data set and the split that were evaluated"
                )

    def drawings(self, ecg_ids: Sequence[str]) -> list[tuple[np.ndarray, float]]:
        """The recordings of some predicted rows: float64 [12, T] in mV, NaN where samples are missing, and rate in Hz.

        Raises:
            EcgInputError: the data set has no recordings.
        """
        rows = load_split(self.source, self.split, ("ecg_id", "signal", "sampling_rate"))
        places = {str(ecg_id): place for place, ecg_id in enumerate(rows["ecg_id"])}
        signals = rows.select_columns(["signal", "sampling_rate"]).with_format("numpy")
        return [
            (np.where(signal == MISSING_INT16, np.nan, signal / 1000), rate)
            for signal, rate in stored_ecgs(signals, [places[ecg_id] for ecg_id in ecg_ids])
        ]

    def _is_synthetic(self) -> bool:
        """Whether no row is a patient's: by the column `source`, and for a folder by what it was built from too."""
        build = Path(self.source.place) / BUILD_FILE
        if build.is_file() and read_object(build, "build the data set again").get("builder") != "synthetic":
            return False
        rows: datasets.Dataset = load_split(self.source, self.split, ("ecg_id",), wanted=("source",))
        return "source" in rows.column_names and set(rows["source"]) == {SyntheticSource.name}

    def _licence(self) -> Licence | None:
        """What the card of a folder says; None for a data set on the Hub, whose page shows its own."""
        card = Path(self.source.place) / CARD
        found = _LICENCE.search(card.read_text(encoding="utf-8")) if card.is_file() else None
        if found is None:
            return None
        return Licence(
            _LINK.sub(r"\1 (\2)", " ".join(found["terms"].replace("Cite the archive:", "").split())),
            (found["citation"] or "").strip(),
        )
