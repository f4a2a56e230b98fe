"""The synthetic archive: any number of simulated 12-lead ECGs with their true findings, measurements and reports."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from dataset_scripts.record import EcgInputError, EcgRecord
from dataset_scripts.simulation.anatomy import frontal_axis
from dataset_scripts.simulation.recording import draw_recording, patient_case, patient_of, play
from dataset_scripts.simulation.report_text import LANGUAGES, draw_language, write_report
from dataset_scripts.sources.licences import LICENCES

SHORTEST_S = 5.0


class SyntheticSource:
    """Simulated records; each depends on (`seed`, its index) alone, so order and number of processes do not matter.

    See `docs/synthetic.md` for the model. Records of one patient share body, findings and fold.

    Args:
        src: must be None; it stands here because every source takes a folder.
        sampling_rate: in Hz.
        num_records: how many.
        seed: of the archive; another seed gives other patients.
        duration: of a record, in s; at least 5.
        languages: "en" and "de", or one of them.
        language_weights: share of each of `languages`, on any positive scale; by default 60 to 40, or all in one.

    Raises:
        EcgInputError: an argument outside what is said above.
    """

    name = "synthetic-1"
    title = "Simulated 12-lead ECGs of meit-ecg"
    licence = "cc0-1.0"
    licence_name, licence_link, licence_condition = LICENCES[licence]
    patients_unknown = ""
    homepage: str | None = None
    signals_public = True
    citation = (
        "@misc{meitecg_synthetic,\n  title = {Simulated 12-lead {ECG}s of meit-ecg},\n"
        "  note = {synthetic-1, simulated signals and reports, no patient's data}\n}"
    )
    description = (
        "Simulated resting 12-lead ECGs: Gaussian waves of a three-dimensional dipole, projected by Dower's matrix, "
        "with known rhythm, intervals and findings, and a report in English or German."
    )
    sampling_rates: tuple[int, ...] = (100, 250, 500)

    def __init__(
        self,
        src: Path | None = None,
        sampling_rate: int = 100,
        num_records: int = 1000,
        seed: int = 0,
        duration: float = 10.0,
        languages: tuple[str, ...] = LANGUAGES,
        language_weights: tuple[float, ...] | None = None,
    ) -> None:
        if src is not None:
            raise EcgInputError(f"synthetic source: got the folder {src!r}, expected none; leave --src out")
        if isinstance(sampling_rate, bool) or not isinstance(sampling_rate, int) or sampling_rate <= 0:
            raise EcgInputError(f"synthetic source: sampling rate {sampling_rate!r}, expected a positive integer in Hz")
        if num_records < 0 or seed < 0:
            raise EcgInputError(f"synthetic source: num_records {num_records}, seed {seed}; give numbers from 0 up")
        if not (math.isfinite(duration) and duration >= SHORTEST_S):
            raise EcgInputError(f"synthetic source: duration {duration} s, expected {SHORTEST_S:g} s or more")
        languages = tuple(languages)
        if not languages or any(language not in LANGUAGES for language in languages):
            raise EcgInputError(f"synthetic source: languages {languages}, expected some of {LANGUAGES}")
        weights = language_weights or (tuple({"en": 0.6, "de": 0.4}[language] for language in languages))
        if len(weights) != len(languages) or any(weight <= 0 for weight in weights):
            raise EcgInputError(
                f"synthetic source: weights {weights} for {languages}, expected one positive number each"
            )
        self.sampling_rate = sampling_rate
        self.num_records = num_records
        self.seed = seed
        self.duration = duration
        self.languages = languages
        self.language_weights = tuple(weights)

    def index(self) -> list[dict[str, Any]]:
        """Return one light row a record: `index`, `ecg_id`, `patient_id`, `fold`."""
        rows = []
        for index in range(self.num_records):
            patient = patient_of(self.seed, index)
            rows.append(
                {
                    "index": index,
                    "ecg_id": f"{self.seed}-{index:06d}",
                    "patient_id": f"{self.seed}-p{patient:06d}",
                    "fold": patient % 10 + 1,
                }
            )
        return rows

    def read(self, row: dict[str, Any]) -> EcgRecord:
        """Return the record of one `row` of `index`; its signal is in mV on whole microvolts."""
        recording = draw_recording(self.seed, int(row["index"]), self.duration)
        language = draw_language(self.seed, recording.index, self.languages, self.language_weights)
        return EcgRecord(
            ecg_id=row["ecg_id"],
            patient_id=row["patient_id"],
            signal=play(recording, self.sampling_rate),
            sampling_rate=self.sampling_rate,
            report=write_report(recording, language),
            language=language,
            source=self.name,
            fold=row["fold"],
            age=float(recording.anatomy.age),
            sex=recording.anatomy.sex,
            scp_codes=recording.case.scp_codes(),
            measurements=recording.measurements(),
            quality=recording.levels.as_quality(),
        )


def findings_of(index: int, seed: int = 0) -> dict[str, str]:
    """Return what is truly in record `index` of the archive `seed`: finding -> "present"; the rest is left out."""
    anatomy, case, shape = patient_case(seed, patient_of(seed, index))
    return case.findings(frontal_axis(shape, anatomy.gains))
