from __future__ import annotations

import ast
import csv
import re
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dataset_scripts.instructions.balance import chance_of_asking, measure, shares
from dataset_scripts.instructions.certainty import can_be_absent, certain_findings, certain_rhythm
from dataset_scripts.instructions.intervals import AXIS, INTERVALS, axis_class, interval_class, measured, rate_class
from dataset_scripts.instructions.questions import TASKS, Question, questions, task_names
from dataset_scripts.instructions.statements import SCP, STATEMENTS, without_article
from dataset_scripts.record import EcgInputError, Label
from dataset_scripts.simulation.recording import draw_recording

NAME_OF = {statement.phrase: name for name, statement in STATEMENTS.items()}


@dataclass
class Record:
    ecg_id: str = "1"
    source: str = "ptb-xl-1.0.3"
    age: float | None = 60.0
    sex: str | None = "female"
    scp_codes: dict[str, float] = field(default_factory=dict)
    labels: tuple[Label, ...] = ()
    measurements: dict[str, float] = field(default_factory=dict)


def scp(**codes: float) -> Record:
    return Record(scp_codes={code.removeprefix("_"): likelihood for code, likelihood in codes.items()})


def snomed(*names: str) -> Record:
    labels = tuple(Label("snomed-ct", str(i), name) for i, name in enumerate(names))
    return Record(source="physionet-challenge-2021", labels=labels)


def synthetic(number: int) -> list[Record]:
    records = []
    for index in range(number):
        recording = draw_recording(0, index, 10.0)
        records.append(
            Record(
                f"0-{index:06d}",
                "synthetic-1",
                float(recording.anatomy.age),
                recording.anatomy.sex,
                recording.case.scp_codes(),
                (),
                recording.measurements(),
            )
        )
    return records


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return synthetic(1500)


def asked(record: Record, task: str, seed: int = 0) -> list[Question]:
    return questions(record, task, seed)


def test_all_71_statements_have_their_own_name_and_phrase():
    assert len(SCP) == 71
    assert len(STATEMENTS) == 71 + 5
    assert len({statement.phrase for statement in STATEMENTS.values()}) == len(STATEMENTS)
    assert Counter(s.kind for s in SCP.values()) == {"diagnostic": 44, "rhythm": 12, "ectopy": 3, "form": 12}
    assert without_article("a long QT interval") == "long QT interval"


@pytest.mark.parametrize(
    ("record", "present", "absent"),
    [
        (scp(NORM=100, SR=0), {"normal_ecg", "sinus_rhythm"}, {"atrial_fibrillation", "left_ventricular_hypertrophy"}),
        (scp(NORM=50, SR=0), {"sinus_rhythm"}, {"atrial_fibrillation"}),
        (scp(IMI=80, SR=0), {"inferior_myocardial_infarction"}, {"normal_ecg", "complete_left_bundle_branch_block"}),
        (
            scp(IMI=35, LVH=100, SR=0),
            {"left_ventricular_hypertrophy"},
            {"normal_ecg", "first_degree_atrioventricular_block"},
        ),
        (scp(NST_=0, NORM=100), {"normal_ecg"}, {"left_ventricular_hypertrophy"}),
        (scp(AFIB=0), {"atrial_fibrillation"}, {"sinus_rhythm", "sinus_tachycardia", "atrial_flutter"}),
        (scp(SBRAD=0), {"sinus_bradycardia", "sinus_rhythm"}, {"sinus_tachycardia", "atrial_fibrillation"}),
        (scp(CRBBB=100), {"complete_right_bundle_branch_block"}, {"complete_left_bundle_branch_block"}),
        (snomed("sinus_rhythm"), {"sinus_rhythm"}, {"atrial_fibrillation", "pacing_rhythm"}),
    ],
)
def test_what_is_certain(record: Record, present: set[str], absent: set[str]):
    findings = certain_findings(record)
    assert present <= {name for name, there in findings.items() if there}
    assert absent <= {name for name, there in findings.items() if not there}


@pytest.mark.parametrize(
    ("record", "names"),
    [
        (scp(IMI=50, LVH=100), {"inferior_myocardial_infarction", "anterior_myocardial_infarction"}),
        (scp(NORM=50, SR=0), {"normal_ecg", "left_ventricular_hypertrophy"}),
        (scp(NST_=0, NORM=100), {"nonspecific_st_changes", "inferior_ischemia"}),
        (scp(NORM=100, QWAVE=0), {"inferior_myocardial_infarction"}),
        (scp(NORM=100, LPR=0), {"first_degree_atrioventricular_block"}),
        (scp(CLBBB=100), {"anterior_myocardial_infarction", "left_ventricular_hypertrophy"}),
        (scp(SR=0), {"sinus_bradycardia", "sinus_arrhythmia", "normal_ecg", "complete_left_bundle_branch_block"}),
        (scp(STACH=50), {"sinus_tachycardia", "atrial_fibrillation"}),
        (scp(AFLT=100, SVTAC=0), {"atrial_fibrillation", "sinus_rhythm"}),
        (snomed("sinus_rhythm"), {"left_ventricular_hypertrophy", "normal_ecg", "first_degree_atrioventricular_block"}),
        (scp(XYZ=100), {"normal_ecg"}),
    ],
)
def test_what_is_not_certain_is_left_out(record: Record, names: set[str]):
    assert not names & set(certain_findings(record))


@pytest.mark.parametrize(
    ("record", "rhythm"),
    [
        (scp(SR=0, SARRH=0), "sinus_arrhythmia"),
        (scp(SR=0, PVC=0), "sinus_rhythm"),
        (scp(PACE=100), "pacing_rhythm"),
        (scp(SR=0, AFIB=0), None),
        (scp(SR=0, BIGU=0), None),
        (scp(SR=0, _3AVB=100), None),
        (scp(STACH=50), None),
        (scp(SARRH=0, SBRAD=0), None),
        (snomed("sinus_rhythm", "sinus_bradycardia"), "sinus_bradycardia"),
        (snomed("sinus_rhythm", "ventricular_bigeminy"), None),
        (snomed("sinus_rhythm", "wandering_atrial_pacemaker"), None),
        (snomed("atrial_fibrillation", "premature_ventricular_contractions"), "atrial_fibrillation"),
        (Record(), None),
    ],
)
def test_the_underlying_rhythm(record: Record, rhythm: str | None):
    assert certain_rhythm(record) == rhythm
    answers = [q["completion"] for q in asked(record, "rhythm")]
    assert answers == ([] if rhythm is None else [f"The rhythm is {without_article(STATEMENTS[rhythm].phrase)}."])


def test_code_15_states_each_of_its_six_findings():
    record = Record(source="code-15-1.0.0", labels=(Label("code-15", "RBBB", "right_bundle_branch_block"),))
    assert certain_findings(record)["right_bundle_branch_block"] is True
    for name in (
        "sinus_bradycardia",
        "sinus_tachycardia",
        "atrial_fibrillation",
        "left_bundle_branch_block",
        "normal_ecg",
    ):
        assert certain_findings(record)[name] is False
    normal = Record(source="code-15-1.0.0", labels=(Label("code-15", "normal_ecg", "normal_ecg"),))
    assert certain_findings(normal)["normal_ecg"] is True


@pytest.mark.parametrize(
    ("degrees", "name"),
    [(-30, "normal"), (90, "normal"), (91, "right"), (180, "right"), (-31, "left"), (-90, "left"), (-91, "extreme")],
)
def test_axis_limits(degrees: int, name: str):
    assert name in axis_class(degrees)
    [question] = asked(Record(measurements={"qrs_axis_deg": degrees}), "axis")
    assert question["completion"] == f"The QRS axis is {degrees} degrees, which is {axis_class(degrees)}."


def test_an_axis_beyond_180_is_turned_round():
    assert [measured({"qrs_axis_deg": d}, AXIS) for d in (-180, 181, 270, 180.4, -179.6)] == [180, -179, -90, 180, 180]


@pytest.mark.parametrize(
    ("code", "answer"),
    [("MID", "normal"), ("ALAD", "left"), ("RAD", "right"), ("LAD", None), ("ARAD", None), ("SAG", None)],
)
def test_ptb_xl_axis_codes_are_used_where_they_keep_to_one_side(code: str, answer: str | None):
    got = asked(Record(labels=(Label("ptb-xl-heart-axis", code, "whatever"),)), "axis")
    assert (answer in got[0]["completion"]) if answer else got == []


def test_the_challenge_s_axis_labels_but_not_those_of_its_copy_of_ptb_xl():
    record = snomed("left_axis_deviation")
    assert "deviated to the left" in asked(record, "axis")[0]["completion"]
    record.ecg_id = "HR00001"
    assert asked(record, "axis") == []


@pytest.mark.parametrize(
    ("quantity", "value", "sex", "qrs", "name"),
    [
        (0, 119, None, None, "short"), (0, 120, None, None, "within"), (0, 200, None, None, "within"),
        (0, 201, None, None, "prolonged"), (1, 110, None, None, "not widened"), (1, 111, None, None, "widened"),
        (2, 600, "male", 90, None), (3, 390, "male", 90, "short"), (3, 449, "male", 90, "neither"),
        (3, 450, "male", 90, "prolonged"), (3, 459, "female", 90, "neither"), (3, 460, "female", 90, "prolonged"),
        (3, 455, None, 90, None), (3, 460, None, 90, "prolonged"), (3, 500, "male", 120, None),
    ],
)  # fmt: skip
def test_interval_limits(quantity: int, value: int, sex: str | None, qrs: int | None, name: str | None):
    got = interval_class(INTERVALS[quantity], value, sex, qrs)
    assert got is None if name is None else got is not None and got.startswith(name)


def test_rate_limits_and_children():
    assert [rate_class(rate).split()[0] for rate in (59, 60, 100, 101)] == ["slow", "within", "within", "fast"]
    child = Record(age=4.0, measurements={"heart_rate_bpm": 131.2, "pr_interval_ms": 110, "qrs_axis_deg": 110})
    assert asked(child, "rate")[0]["completion"] == "The heart rate is 131 beats per minute."
    assert asked(child, "axis")[0]["completion"] == "The QRS axis is 110 degrees."
    assert asked(child, "intervals")[1]["completion"] == "The PR interval is 110 ms."
    assert asked(child, "choose_one") == []


def test_what_a_device_cannot_have_measured_is_not_asked():
    broken = {"heart_rate_bpm": float("nan"), "pr_interval_ms": 0.0, "qrs_duration_ms": 29999.0, "qrs_axis_deg": 400.0}
    assert questions(Record(measurements=broken)) == []
    fibrillation = scp(AFIB=0)
    fibrillation.measurements = {"pr_interval_ms": 160, "qrs_duration_ms": 90}
    assert not [q for q in questions(fibrillation) if "PR" in q["prompt"] + q["completion"]]


def test_every_answer_agrees_with_the_truth(records: list[Record]):
    seen: Counter[str] = Counter()
    for record in records[:1000]:
        truth = {SCP[code].name for code in record.scp_codes}
        truth |= {"sinus_rhythm"} if truth & {"sinus_bradycardia", "sinus_tachycardia", "sinus_arrhythmia"} else set()
        numbers = {k: round(v) for k, v in record.measurements.items()}
        for question in questions(record):
            prompt, answer = question["prompt"], question["completion"]
            seen[question["task"]] += 1
            assert answer[0].isupper()
            assert answer.endswith(".")
            assert prompt[-1] in ".?"
            if found := re.search(r"shows (.*)\.$", answer):
                assert NAME_OF[found[1]] in truth
            if found := re.search(r"does not show (.*)\.$", answer):
                assert NAME_OF[found[1]] not in truth
            if answer.endswith("this ECG is normal."):
                assert "normal_ecg" in truth
            if answer.endswith("is not normal."):
                assert "normal_ecg" not in truth
            if found := re.search(r"(above|exceed|more than|below|under|less than) (\d+) ", prompt):
                value = int(re.search(r" is (\d+) ", answer)[1])
                over = found[1] in ("above", "exceed", "more than")
                assert value != int(found[2])
                assert answer.startswith("Yes") == ((value > int(found[2])) == over)
            if question["task"] == "rate":
                assert f" {numbers['heart_rate_bpm']} beats per minute" in answer
    assert set(seen) == set(TASKS)


def test_choices_hold_one_truth(records: list[Record]):
    number = 0
    for record in records:
        truth = {SCP[code].phrase for code in record.scp_codes}
        for question in asked(record, "choose_one"):
            found = re.search(r"(?:show|from|it): (.+) or (.+)[.?]$", question["prompt"])
            if found is None or "heart rate" in question["prompt"] or "axis" in question["prompt"]:
                continue
            options = [*found[1].split(", "), found[2]]
            number += 1
            assert len(set(options)) == len(options)
            assert 3 <= len(options) <= 4
            plain = {without_article(phrase) for phrase in truth}
            assert [option for option in options if option in plain] == [
                without_article(re.search(r"(?:shows|rhythm is) (.*)\.$", question["completion"])[1])
            ]
    assert number > 250


def test_the_right_choice_stands_at_every_place(records: list[Record]):
    places = Counter()
    for record in records:
        for question in asked(record, "choose_one"):
            if question["completion"].startswith("This ECG shows "):
                right = without_article(question["completion"][len("This ECG shows ") : -1])
                options = re.split(r", | or ", re.split(r": ", question["prompt"], maxsplit=1)[1].rstrip(".?"))
                places[options.index(right)] += 1
    assert min(places.values()) > 0.7 * max(places.values())


def yes_shares(records: list[Record]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        for question in asked(record, "yes_no"):
            answer = question["completion"]
            found = re.search(r"(?:shows|does not show) (.*)\.$", answer)
            what = found[1] if found else "normal" if "normal" in answer else "a number"
            counts[what][answer.split(",")[0]] += 1
    return counts


def test_yes_and_no_are_even_for_every_finding(records: list[Record]):
    counts = yes_shares(records)
    assert len(counts) > 15
    for what, count in counts.items():
        if count.total() >= 100:
            # Four standard errors of a fair coin, and what the measured shares may be off by.
            assert abs(count["Yes"] / count.total() - 0.5) < 2.0 / count.total() ** 0.5 + 0.04, (what, count)
    total = sum(counts.values(), Counter())
    assert abs(total["Yes"] / total.total() - 0.5) < 0.03


def test_only_what_can_be_absent_is_asked_with_yes_or_no():
    assert "voltage_criteria_for_left_ventricular_hypertrophy" not in can_be_absent("ptb-xl-1.0.3")
    assert "left_ventricular_hypertrophy" not in can_be_absent("physionet-challenge-2021")
    for source in ("ptb-xl", "synthetic-1", "physionet-challenge-2021", "code-15-1.0.0"):
        assert set(shares(source)) <= can_be_absent(source)
        for name, (yes, no) in shares(source).items():
            assert chance_of_asking(source, name, True) * yes == pytest.approx(
                chance_of_asking(source, name, False) * no
            )
    assert chance_of_asking("ptb-xl", "q_wave", True) == 0


def test_the_committed_shares_are_what_measuring_gives(records: list[Record]):
    got = measure(records)
    for name, (yes, no) in shares("synthetic-1").items():
        assert got[name] == pytest.approx((yes, no), abs=3.0)


def test_the_same_questions_everywhere_and_others_with_another_seed(records: list[Record]):
    code = (
        "from dataset_scripts.instructions.questions import questions\n"
        "from types import SimpleNamespace as R\n"
        "r = R(ecg_id='7', source='ptb-xl', age=50, sex='male', scp_codes={'SR': 0.0, 'IMI': 100.0, 'LVH': 100.0}, "
        "labels=(), measurements={'heart_rate_bpm': 71.0, 'qrs_duration_ms': 98.0})\n"
        "print(questions(r, 'all', 3))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONHASHSEED": "5"},
        cwd=Path(__file__).parents[2],
    )
    record = Record("7", "ptb-xl", 50, "male", {"SR": 0.0, "IMI": 100.0, "LVH": 100.0})
    record.measurements = {"heart_rate_bpm": 71.0, "qrs_duration_ms": 98.0}
    assert ast.literal_eval(run.stdout) == questions(record, "all", 3), run.stderr
    assert questions(record, "all", 3) != questions(record, "all", 4)
    other: Any = [questions(r, "all", 1) for r in records[:50]]
    assert sum(a != questions(r, "all", 0) for a, r in zip(other, records, strict=False)) == 50


def test_tasks_by_name():
    assert task_names("all") == tuple(TASKS)
    assert task_names("axis, rate") == ("rate", "axis")
    assert task_names(["yes_no"]) == ("yes_no",)
    with pytest.raises(EcgInputError, match="no question task reports; there are rate, rhythm"):
        questions(Record(), "rate,reports")


def test_wordings_vary(records: list[Record]):
    for task, least in (
        ("rate", 6),
        ("rhythm", 6),
        ("axis", 6),
        ("intervals", 20),
        ("yes_no", 100),
        ("choose_one", 200),
    ):
        assert len({q["prompt"] for record in records[:600] for q in asked(record, task)}) >= least


def test_on_the_real_archive_yes_and_no_are_even(ptbxl_dir: Path):
    with (ptbxl_dir / "ptbxl_database.csv").open(encoding="utf-8", newline="") as file:
        rows = [Record(row["ecg_id"], scp_codes=ast.literal_eval(row["scp_codes"])) for row in csv.DictReader(file)]
    counts = yes_shares(rows)
    total = sum(counts.values(), Counter())
    assert total.total() > len(rows)
    assert abs(total["Yes"] / total.total() - 0.5) < 0.01
    for what, count in counts.items():
        if count.total() >= 200:
            assert abs(count["Yes"] / count.total() - 0.5) < 0.1, (what, count)
