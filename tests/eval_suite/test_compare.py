"""Two systems on the same rows: what is compared, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

import meit_cli
from dataset_scripts.errors import EcgInputError
from eval_suite.comparing.compare import compare
from eval_suite.comparing.comparison import FindingsRight
from eval_suite.findings.scores import finding_statistics
from eval_suite.metrics.text import text_metrics
from eval_suite.rows import load_reports
from eval_suite.statistics import holm
from tests.eval_suite.compared_sides import BAD, GOOD, REFERENCES, write_csv, write_side


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    return write_side(tmp_path / "good", GOOD), write_side(tmp_path / "bad", BAD)


def test_every_metric_has_its_difference_interval_and_test(sides: tuple[Path, Path]) -> None:
    found = compare(*sides, samples=200, draws=400)
    texts = [text_metrics(texts, REFERENCES) for texts in (GOOD, BAD)]
    findings = [finding_statistics(texts, REFERENCES).values() for texts in (GOOD, BAD)]
    for name in texts[0]:
        metric = found.metrics[name]
        assert (metric.a.value, metric.b.value) == pytest.approx((texts[0][name], texts[1][name])), name
        assert metric.difference.value == pytest.approx(texts[0][name] - texts[1][name]), name
        assert metric.difference.low <= metric.difference.value <= metric.difference.high
    shown = [name.removeprefix("findings ") for name in found.metrics if name.startswith("findings ")]
    assert shown[:3] == ["micro precision", "micro recall", "micro F1"]
    assert not any(name.startswith("F1 ") for name in shown)
    for name in shown:
        expected = findings[0][name] - findings[1][name]
        assert found.metrics[f"findings {name}"].difference.value == pytest.approx(expected, nan_ok=True), name
    assert found.metrics["findings micro F1"].p == pytest.approx(1 / 401)
    assert found.metrics["findings micro F1"].difference.low > 0
    assert {n: m.p_holm for n, m in found.metrics.items()} == holm({n: m.p for n, m in found.metrics.items()})


def test_who_has_the_findings_right(sides: tuple[Path, Path]) -> None:
    found = compare(*sides, samples=20, draws=20).right
    right = [
        [finding_statistics([t[i]], [REFERENCES[i]]).values()["exact set"] for i in range(60)] for t in (GOOD, BAD)
    ]
    only_a = [f"r{i}" for i in range(60) if right[0][i] > right[1][i]]
    only_b = [f"r{i}" for i in range(60) if right[1][i] > right[0][i]]
    assert (found.only_a, found.only_b) == (only_a, only_b)
    assert len(only_a) > len(only_b)
    assert found.both + found.neither + len(only_a) + len(only_b) == 60


def test_mcnemar_by_hand() -> None:
    # Of five reports that only one system has right, one or none and four or all: 2 * (1 + 5) / 32.
    assert FindingsRight(7, 3, ["a"], ["b", "c", "d", "e"]).p == pytest.approx(12 / 32)
    assert FindingsRight(7, 3, [], ["b", "c", "d", "e", "f", "g"]).p == pytest.approx(2 / 64)
    assert FindingsRight(7, 3, [], []).p == 1.0


def test_what_is_written(sides: tuple[Path, Path], tmp_path: Path) -> None:
    found = compare(*sides, out=tmp_path / "out", samples=50, draws=50, notes={"note": "of the caller"})
    saved = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert (saved["schema"], saved["task"]) == (1, "comparison")
    assert set(saved["differences"]["BLEU-4"]) == {"value", "low", "high", "p", "p_holm"}
    assert saved["a"]["name"] == "good"
    assert saved["b"]["scores"]["BLEU-4"]["value"] == pytest.approx(found.metrics["BLEU-4"].b.value)
    assert saved["findings_right"]["only_a"] == found.right.only_a
    assert saved["conditions"]["rows"] == 60
    written = (tmp_path / "out" / "comparison.md").read_text(encoding="utf-8")
    assert written == found.markdown()
    for text in (written, found.terminal()):
        for said in (
            *("BLEU-4", "findings micro F1", "findings critical missed (less is better)", "strict version 1"),
            *("A: good: good, float32", "some-set, split test", "60, of 30 patients", "text column: report"),
            *("A yes, B yes", "50 draws of whole patients", "Holm", "McNemar", "of the caller", "seed: 0"),
        ):
            assert said in text


def test_files_are_compared_too(sides: tuple[Path, Path], data_folder: Path, tmp_path: Path) -> None:
    folders = compare(*sides, samples=50, draws=50)
    theirs = write_csv(tmp_path / "theirs.csv", {f"r{i}": BAD[i] for i in reversed(range(60))})
    # References and patients are the folder's; the order of a file means nothing.
    mixed = compare(sides[0], theirs, samples=50, draws=50)
    assert repr(mixed.metrics) == repr(folders.metrics)  # NaN is unlike itself
    assert f"B: {tmp_path.name}/theirs.csv: predictions" in mixed.terminal()

    rows = load_reports(data_folder, "validation")
    mine = write_csv(tmp_path / "mine.csv", dict(zip(rows.ecg_ids, rows.reports, strict=True)))
    other = write_csv(tmp_path / "other.csv", dict(zip(rows.ecg_ids, reversed(rows.reports), strict=True)))
    found = compare(mine, other, data=data_folder, split="validation", samples=20, draws=20)
    assert found.metrics["Exact"].a.value == 1.0
    assert f"{data_folder.name}, split validation" in found.terminal()
    with pytest.raises(EcgInputError, match="holds the columns reference and patient_id"):
        compare(mine, other)
    with pytest.raises(EcgInputError, match="name its split"):
        compare(mine, other, data=data_folder)
    with pytest.raises(EcgInputError, match="20 of 20 predicted rows are not in"):
        compare(mine, other, data=data_folder, split="train")


def test_the_protocol_is_the_folders_or_the_one_asked_for(sides: tuple[Path, Path], tmp_path: Path) -> None:
    released = {"protocol": {"name": "meit-release", "version": 1, "rules": "as released"}}
    pair = write_side(tmp_path / "x", GOOD, **released), write_side(tmp_path / "y", BAD, **released)
    strict, release = compare(*sides, samples=20, draws=20), compare(*pair, samples=20, draws=20)
    assert release.rows.protocol.name == "meit-release"
    assert release.metrics["BLEU-4"].a.value > strict.metrics["BLEU-4"].a.value
    asked = compare(*pair, protocol="strict", samples=20, draws=20)
    assert repr(asked.metrics) == repr(strict.metrics)
    with pytest.raises(EcgInputError, match=r"protocol differs \(A: strict version 1, B: meit-release version 1\)"):
        compare(sides[0], pair[1])
    old = write_side(tmp_path / "old", GOOD, protocol={"name": "strict", "version": 0, "rules": "older"})
    with pytest.raises(EcgInputError, match="scored by strict version 0, and this is version 1"):
        compare(old, old)


def test_what_no_draw_can_show_is_said(sides: tuple[Path, Path], tmp_path: Path) -> None:
    metrics = len(compare(*sides, samples=20, draws=20).metrics)
    few = compare(*sides, samples=20, draws=20).lines()
    assert "the least possible is about 0.048" in few["p"]
    assert f"WARNING: with {metrics} metrics it cannot fall to .05" in few["p (Holm)"]
    assert "WARNING" not in compare(*sides, samples=20, draws=metrics * 20).lines()["p (Holm)"]
    # Three patients have eight swaps, of which two part the systems as far, whatever is drawn.
    pair = write_side(tmp_path / "x", GOOD[:6]), write_side(tmp_path / "y", BAD[:6])
    said = compare(*pair, samples=20, draws=1000).lines()
    assert "the least possible is about 0.25" in said["p"]
    assert "WARNING" in said["p (Holm)"]


def test_a_share_of_nothing_is_an_empty_cell(tmp_path: Path) -> None:
    harmless = ["sinus rhythm. normal ecg."] * 20
    pair = [write_side(tmp_path / name, harmless, harmless) for name in "ab"]
    found = compare(*pair, out=tmp_path / "out", samples=20, draws=20)
    critical = found.metrics["findings critical missed"]
    assert np.isnan(critical.a.value)
    assert (critical.p, critical.p_holm) == (1.0, 1.0)
    assert "| findings critical missed (less is better) | – | – | – | – | 1.000 | 1.000 |" in found.markdown()
    saved = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert saved["differences"]["findings critical missed"]["value"] is None


def test_the_command(sides: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["eval", "compare", *map(str, sides), "--out", str(tmp_path / "out"), "--draws", "50"]
    assert meit_cli.main(words) == 0
    printed = capsys.readouterr().out
    assert "findings exact set" in printed
    assert meit_cli.main([*words, "--data-config", "some"]) == 2
    assert "--data-config and --data-revision are of --data" in capsys.readouterr().err
    assert (tmp_path / "out" / "comparison.json").is_file()
    assert meit_cli.main(["eval", "compare", str(sides[0]), str(tmp_path / "none")]) == 2
    assert "is not there" in capsys.readouterr().err
