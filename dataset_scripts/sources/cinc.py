"""The folders of the PhysioNet/CinC Challenges 2020 and 2021, and the Chapman-Shaoxing-Ningbo database on its own.

Perez Alday et al. 2020, Physiological Measurement 41:124003, doi 10.1088/1361-6579/abc960; Reyna et al. 2021, Computing
in Cardiology, doi 10.23919/CinC53138.2021.9662687, archive doi 10.13026/34va-7q14; Zheng et al. 2022, archive doi
10.13026/wgex-er52. A record is a WFDB header with comments (age, sex, SNOMED CT codes) beside a MATLAB v4 file.
"""

from __future__ import annotations

import math
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from dataset_scripts.record import EcgInputError, EcgRecord, Label
from dataset_scripts.signals.length import to_length
from dataset_scripts.sources import cinc_subsets
from dataset_scripts.sources.cinc_subsets import DEFAULT_SUBSETS, SUBSETS
from dataset_scripts.sources.licences import LICENCES
from dataset_scripts.sources.snomed import sentences, snomed_label
from dataset_scripts.sources.table import tidy_id
from dataset_scripts.sources.unreadable import naming, refuse_unreadable
from dataset_scripts.sources.wfdb_check import check_wfdb
from dataset_scripts.sources.wfdb_start import START_SECONDS, read_wfdb_start

SECONDS = 10.0
# ecg-arrhythmia 1.0.0 ships these two with a line break lost in the header; the Challenge's copies are whole.
_KNOWN_DAMAGED = frozenset({"JS01052", "JS23074"})

_SEX = {"male": "male", "m": "male", "female": "female", "f": "female"}
_NOTHING = {"", "unknown", "nan", "none"}


class CincSource:
    """12-lead ECGs with SNOMED CT codes: CPSC2018, CPSC-Extra, INCART, PTB, Georgia, Chapman-Shaoxing and Ningbo.

    Records are found by walking the folder, so any of the layouts will do: `training/<subset>/gN` of 2021, the flat
    folders of 2020, or `WFDBRecords/NN/NNN` of ecg-arrhythmia 1.0.0.

    Args:
        src: a folder with one of these layouts, or several.
        sampling_rate: the rate in Hz that records are brought to.
        subset: names of `cinc_subsets.SUBSETS`; None takes all but "ptb-xl", a source of its own.
        whole_subsets: True keeps every subset whose patients are unknown in one split, as those with
            "shared" patients always are.

    Raises:
        EcgInputError: not a folder, an unknown subset, another sampling rate, or what is neither True nor False.
    """

    name = "physionet-challenge-2021"
    title = "PhysioNet/Computing in Cardiology Challenges 2020 and 2021"
    description = cinc_subsets.description(DEFAULT_SUBSETS, whole_subsets=False)
    licence = "cc-by-4.0"
    licence_name, licence_link, _condition = LICENCES[licence]
    licence_condition = cinc_subsets.licence_condition(_condition, DEFAULT_SUBSETS)
    patients_unknown = cinc_subsets.patients_unknown(DEFAULT_SUBSETS, whole_subsets=False)
    homepage = "https://physionet.org/content/challenge-2021/"
    signals_public = True
    citation = (
        "@article{perezalday2020challenge,\n"
        "  title = {Classification of 12-lead {ECG}s: the {PhysioNet}/{Computing in Cardiology Challenge} 2020},\n"
        "  author = {Perez Alday, Erick A. and Gu, Annie and Shah, Amit J. and others},\n"
        "  journal = {Physiological Measurement},\n  volume = {41},\n  pages = {124003},\n  year = {2020},\n"
        "  doi = {10.1088/1361-6579/abc960}\n}\n"
        "@inproceedings{reyna2021challenge,\n"
        "  title = {Will Two Do? {V}arying Dimensions in Electrocardiography: The {PhysioNet}/{Computing in Cardiology "
        "Challenge} 2021},\n"
        "  author = {Reyna, Matthew A. and Sadr, Nadi and Perez Alday, Erick A. and others},\n"
        "  booktitle = {Computing in Cardiology},\n  year = {2021},\n"
        "  doi = {10.23919/CinC53138.2021.9662687}\n}\n"
        "@article{zheng2020optimal,\n  title = {Optimal Multi-Stage Arrhythmia Classification Approach},\n"
        "  author = {Zheng, Jianwei and Chu, Huimin and Struppa, Daniele and others},\n"
        "  journal = {Scientific Reports},\n  volume = {10},\n  pages = {2898},\n  year = {2020},\n"
        "  doi = {10.1038/s41598-020-59821-7}\n}\n"
        "@article{liu2018cpsc,\n  title = {An Open Access Database for Evaluating the Algorithms of Electrocardiogram "
        "Rhythm and Morphology Abnormality Detection},\n"
        "  author = {Liu, Feifei and Liu, Chengyu and Zhao, Lina and others},\n"
        "  journal = {Journal of Medical Imaging and Health Informatics},\n  volume = {8},\n  pages = {1368--1373},\n"
        "  year = {2018},\n  doi = {10.1166/jmihi.2018.2442}\n}"
    )
    sampling_rates: Sequence[int] = (100, 250, 500)

    def __init__(
        self,
        src: Path | None,
        sampling_rate: int = 500,
        subset: tuple[str, ...] | None = None,
        whole_subsets: bool = False,
    ) -> None:
        if sampling_rate not in self.sampling_rates:
            raise EcgInputError(
                f"sampling rate {sampling_rate} Hz: the Challenge's records are read at 100, 250 or 500; choose one"
            )
        if src is None or not Path(src).is_dir():
            raise EcgInputError(f"no folder {src}; give the folder of the Challenge's records with --src")
        # A string is one name, not its letters; the same subset twice is once.
        chosen = tuple(dict.fromkeys((subset,) if isinstance(subset, str) else subset or DEFAULT_SUBSETS))
        unknown = [name for name in chosen if name not in SUBSETS]
        if unknown:
            raise EcgInputError(f"unknown subset {', '.join(unknown)}; choose among {', '.join(SUBSETS)}")
        if not isinstance(whole_subsets, bool):
            raise EcgInputError(f"whole_subsets {whole_subsets!r}, expected True or False")
        self.src = Path(src)
        self.sampling_rate = sampling_rate
        self.subsets = chosen
        self.whole_subsets = whole_subsets
        self.description = cinc_subsets.description(chosen, whole_subsets)
        self.patients_unknown = cinc_subsets.patients_unknown(chosen, whole_subsets)
        self.licence_condition = cinc_subsets.licence_condition(self._condition, chosen)

    def index(self) -> Iterator[dict[str, Any]]:
        """Yields one row a record, in the order of the paths; no header is opened.

        Raises:
            EcgInputError: no record at all, a record of no known subset, or two of one name.
        """
        seen: set[str] = set()
        left_out: Counter[str] = Counter()
        for path in _headers(self.src, PurePosixPath()):
            subset = cinc_subsets.subset_of(path)
            if subset is None:
                raise EcgInputError(
                    f"{self.src / path}: a record of no archive of the Challenges ({', '.join(SUBSETS)}); give only "
                    "their folder, or read the records with the source wfdb-folder"
                )
            if subset not in self.subsets:
                left_out[f"of {subset}"] += 1
                continue
            row = self._row(path, subset)
            if row["ecg_id"] in seen:
                raise EcgInputError(
                    f"record {path.stem} stands twice under {self.src}, the second time in {path.parent}; "
                    "give one copy of the archive"
                )
            if path.stem in _KNOWN_DAMAGED and not self._is_whole(path):
                left_out["known to be damaged in the archive"] += 1
                continue
            seen.add(row["ecg_id"])
            yield row
        if left_out:
            parts = ", ".join(f"{count} {name}" for name, count in sorted(left_out.items()))
            print(f"{self.name}: {len(seen)} records, left out {parts}", file=sys.stderr)
        if not seen:
            raise EcgInputError(f"no record of {', '.join(self.subsets)} under {self.src}; unpack the archive there")

    def read(self, row: Mapping[str, Any]) -> EcgRecord:
        """Reads one record of `index`, no more of its samples than are kept.

        Raises:
            EcgInputError: its files are missing or damaged, or its header holds what cannot be read.
        """
        path = self.src / row["path"]
        signal, sampling_rate, lines = read_wfdb_start(path, START_SECONDS)
        comments = read_comments(lines)
        labels = _labels(comments.get("dx", ""), path)
        with naming(row["ecg_id"]):
            kept = to_length(signal, sampling_rate, self.sampling_rate, SECONDS)
        return EcgRecord(
            ecg_id=row["ecg_id"],
            patient_id=row["patient_id"],
            signal=kept,
            sampling_rate=self.sampling_rate,
            report="",
            language="en",
            source=f"{self.name}/{row['subset']}",
            fold=row.get("fold"),
            age=_age(comments.get("age", "")),
            sex=_SEX.get(comments.get("sex", "").lower()),
            text=sentences(labels),
            labels=labels,
        )

    def _row(self, path: PurePosixPath, subset: str) -> dict[str, Any]:
        name = tidy_id(path.stem)
        row: dict[str, Any] = {"ecg_id": name, "patient_id": name, "subset": subset}
        if cinc_subsets.one_patient(subset, self.whole_subsets):
            row |= {"patient_id": subset, "fold": 1}
        return row | {"path": str(path.with_suffix(""))}

    def _is_whole(self, path: PurePosixPath) -> bool:
        try:
            check_wfdb((self.src / path).with_suffix(""))
        except EcgInputError:
            return False
        return True


def read_comments(lines: Iterable[str]) -> dict[str, str]:
    """Reads a header's comments, "Age: 74" and its like: name in lower case -> text, "" for "Unknown" or "NaN"."""
    pairs = [line.partition(":") for line in lines if ":" in line]
    return {
        name.strip().lower(): "" if value.strip().lower() in _NOTHING else value.strip() for name, _, value in pairs
    }


def _headers(root: Path, below: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yields the headers under `root / below`, sorted, one folder's names in memory at a time."""
    try:
        with os.scandir(root / below) as entries:
            found = sorted(
                (entry.name, entry.is_dir()) for entry in entries if entry.is_dir() or entry.name.endswith(".hea")
            )
    except OSError as error:
        refuse_unreadable(f"folder {root / below}", error)
    for name, is_folder in found:
        if is_folder:
            yield from _headers(root, below / name)
        else:
            yield below / name


def _labels(text: str, path: Path) -> tuple[Label, ...]:
    codes = dict.fromkeys(code for part in text.split(",") if (code := part.strip()))
    wrong = [code for code in codes if not code.isdecimal()]
    if wrong:
        raise EcgInputError(f"{path}.hea: Dx {', '.join(wrong)}, expected SNOMED CT codes; correct the header")
    return tuple(snomed_label(code) for code in codes)


def _age(text: str) -> float | None:
    """Returns years; None for what is no age, as the archives write it in several ways ("NaN", "-1")."""
    try:
        age = float(text)
    except ValueError:
        return None
    return age if math.isfinite(age) and age >= 0 else None
