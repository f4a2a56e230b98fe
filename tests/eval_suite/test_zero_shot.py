"""Trained on one archive, tested on another: both ways between simulated ECGs and an archive in PTB-XL's layout."""

import json
from collections import Counter
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import meit_cli
from dataset_scripts.build import BuildOptions, build
from dataset_scripts.errors import EcgInputError
from eval_suite.comparing.archives_apart import archive_of, check_apart, describe_texts
from eval_suite.comparing.leaderboard import leaderboard
from eval_suite.metrics.text import text_metrics
from eval_suite.rows import load_reports
from eval_suite.tasks import zero_shot
from eval_suite.tasks.zero_shot import run_zero_shot
from tests.dataset_scripts.fake_ptbxl import write_archive
from tests.tiny import save_tiny_model_folder

QUICK = {"samples": 50, "draws": 50, "batch_size": 8}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sets") / "simulated"
    build("synthetic", None, out, num_proc=1, options=BuildOptions(source_options={"num_records": 40}))
    return out


@pytest.fixture(scope="module")
def fake_ptbxl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    build("ptb-xl", write_archive(folder / "ptb-xl", 60), folder / "fake-ptb-xl", num_proc=1)
    return folder / "fake-ptb-xl"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """What stands for a tuned model, and for the same one before."""
    folder = tmp_path_factory.mktemp("models")
    return save_tiny_model_folder(folder / "after", seed=1), save_tiny_model_folder(folder / "before", seed=2)


def test_both_ways(simulated: Path, fake_ptbxl: Path, models: tuple[Path, Path], tmp_path: Path) -> None:
    tuned, untuned = models
    for name, first, second in (("there", simulated, fake_ptbxl), ("back", fake_ptbxl, simulated)):
        out = tmp_path / name
        found = run_zero_shot(tuned, first, second, "test", out, untuned=untuned, **QUICK)
        assert list(found.models) == ["tuned", "untuned"]
        assert found.comparison is not None
        tested = datasets.load_dataset("parquet", data_files=str(second / "data" / "test-*.parquet"), split="train")
        written = pq.read_table(out / "tuned" / "predictions.parquet").to_pydict()
        assert written["ecg_id"] == tested["ecg_id"]
        assert written["reference"] == tested["report"]
        scores = [json.loads((out / side / "scores.json").read_text(encoding="utf-8")) for side in ("tuned", "untuned")]
        assert [score["conditions"]["system"].split(",")[0] for score in scores] == ["after", "before"]
        # The controls take their reports from the archive that was trained on.
        assert all(score["conditions"]["train_data"] == first.name for score in scores)
        difference = found.comparison.metrics["BLEU-1"].difference.value
        both = [score["systems"]["model"]["BLEU-1"]["value"] for score in scores]
        assert difference == pytest.approx(both[0] - both[1])
        saved = json.loads((out / "zero-shot.json").read_text(encoding="utf-8"))
        assert (saved["schema"], saved["task"]) == (1, "zero-shot")
        assert all((out / place).is_file() for place in (*saved["models"].values(), saved["comparison"]))
        for text in (found.terminal(), (out / "zero-shot.md").read_text(encoding="utf-8")):
            assert f"said to be trained on {first.name}: --train-data, not checked against the model" in text
            assert f"tested on {second.name}, split test" in text
            assert "WARNING" in text
    (group,) = leaderboard([tmp_path / "there"]).groups
    assert {placed.entry.name for placed in group.entries} == {"tuned", "untuned"}


def test_the_controls_have_not_seen_the_tested_archive(
    simulated: Path, fake_ptbxl: Path, models: tuple[Path, Path], tmp_path: Path
) -> None:
    found = run_zero_shot(models[0], simulated, fake_ptbxl, "test", tmp_path, limit=3, nearest_ecg=False, **QUICK)
    assert list(found.models) == ["tuned"]
    assert found.comparison is None
    assert not (tmp_path / "comparison.json").exists()
    control = found.models["tuned"].to_json()["systems"]["most frequent report"]["ROUGE-L"]["value"]
    assert control == pytest.approx(commonest_report_scores(fake_ptbxl, simulated))
    assert control != pytest.approx(commonest_report_scores(fake_ptbxl, fake_ptbxl))


def test_nothing_of_an_older_run_is_left(
    simulated: Path, fake_ptbxl: Path, models: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = ("comparison.json", "comparison.md", "zero-shot.json", "zero-shot.md")
    for name in summary:
        (tmp_path / name).write_text("of an older run", encoding="utf-8")
    (tmp_path / "untuned").mkdir()
    with pytest.raises(EcgInputError, match="untuned is of another run, and no untuned model is given"):
        run_zero_shot(models[0], simulated, fake_ptbxl, "test", tmp_path, **QUICK)
    assert (tmp_path / "comparison.json").exists()  # refused before anything is changed
    (tmp_path / "untuned").rmdir()

    def cut(*_, **__):
        raise KeyboardInterrupt

    # A run that is cut in its first model leaves no comparison of others.
    monkeypatch.setattr(zero_shot, "run_quality", cut)
    with pytest.raises(KeyboardInterrupt):
        run_zero_shot(models[0], simulated, fake_ptbxl, "test", tmp_path, **QUICK)
    assert not any((tmp_path / name).exists() for name in summary)


def commonest_report_scores(tested: Path, trained: Path) -> float:
    """ROUGE-L of the commonest training report on the first three rows, by other means."""
    counts = Counter(load_reports(trained, "train").reports)
    commonest = min(text for text, count in counts.items() if count == max(counts.values()))
    return text_metrics([commonest] * 3, load_reports(tested, "test").reports[:3])["ROUGE-L"]


def relabelled(folder: Path, out: Path, **columns) -> Path:
    """The test split of a data set as another data set with a training split, some columns rewritten."""
    table = pa.concat_tables([pq.read_table(path) for path in sorted((folder / "data").glob("test-*.parquet"))])
    for name, change in columns.items():
        values = [change(value) for value in table[name].to_pylist()]
        table = table.set_column(table.column_names.index(name), name, pa.array(values, pa.string()))
    (out / "data").mkdir(parents=True)
    for split in ("train", "test"):
        pq.write_table(table, out / "data" / f"{split}-00000.parquet")
    return out


def test_archives_that_share_records_or_patients_are_refused(fake_ptbxl: Path, simulated: Path, tmp_path: Path) -> None:
    with pytest.raises(EcgInputError, match="is what the model is said to be trained on"):
        check_apart(fake_ptbxl, tmp_path / ".." / fake_ptbxl, "test")
    copy = relabelled(fake_ptbxl, tmp_path / "copy")
    with pytest.raises(EcgInputError, match=r"records of ptb-xl are in copy and in fake-ptb-xl, split test"):
        check_apart(copy, fake_ptbxl, "test")
    # The training data set may hold them in any of its splits, and be of another version of the archive.
    with pytest.raises(EcgInputError, match="records of ptb-xl are in fake-ptb-xl and in older"):
        check_apart(fake_ptbxl, relabelled(fake_ptbxl, tmp_path / "older", source=lambda _: "ptb-xl-1.0.1"), "test")
    renamed = relabelled(fake_ptbxl, tmp_path / "renamed", ecg_id=lambda text: f"x{text}")
    with pytest.raises(EcgInputError, match="patients of ptb-xl are in renamed and in fake-ptb-xl"):
        check_apart(renamed, fake_ptbxl, "test")
    challenge = relabelled(
        fake_ptbxl,
        tmp_path / "challenge",
        ecg_id=lambda text: f"HR{text}",
        patient_id=lambda text: f"HR{text}",
        source=lambda _: "physionet-challenge-2021/ptb-xl",
    )
    with pytest.raises(EcgInputError, match="of the archive ptb-xl under other ids"):
        check_apart(challenge, fake_ptbxl, "test")
    # The same ids in another archive are other records.
    other = relabelled(fake_ptbxl, tmp_path / "other", source=lambda _: "somewhere-2.1")
    assert check_apart(other, fake_ptbxl, "test") == (
        "--train-data holds somewhere-2.1; --data, split test, holds ptb-xl-1.0.3"
    )
    apart = relabelled(
        fake_ptbxl, tmp_path / "apart", ecg_id=lambda text: f"x{text}", patient_id=lambda text: f"x{text}"
    )
    assert "WARNING: both hold ptb-xl" in check_apart(apart, fake_ptbxl, "test")


def test_the_version_of_an_archive_is_no_other_archive() -> None:
    names = ("ptb-xl-1.0.3", "ptb-xl", "physionet-challenge-2021/ptb-xl", "synthetic-1", "code-15-1.0.0", "my-ward")
    assert [archive_of(name) for name in names] == ["ptb-xl", "ptb-xl", "ptb-xl", "synthetic", "code-15", "my-ward"]


def test_texts_are_described(fake_ptbxl: Path, simulated: Path) -> None:
    said = describe_texts(simulated, fake_ptbxl, "test", "report")
    assert "sv" in said
    assert "tokens in the median" in said
    assert "100% of the tested occur word for word" in describe_texts(fake_ptbxl, fake_ptbxl, "train", "report")


def test_one_model_is_not_both(simulated: Path, fake_ptbxl: Path, models: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(EcgInputError, match="hold the same files"):
        run_zero_shot(models[0], simulated, fake_ptbxl, "test", tmp_path, untuned=models[0])
    (tmp_path / "file").write_text("")
    with pytest.raises(EcgInputError, match="is a file"):
        run_zero_shot(models[0], simulated, fake_ptbxl, "test", tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_command(monkeypatch: pytest.MonkeyPatch, models: tuple[Path, Path], tmp_path: Path, capsys) -> None:
    given: dict = {}

    def run(*words, **settings):
        given.update(settings, words=words)
        return zero_shot.ZeroShotScores({}, None, {"zero-shot": "told"})

    monkeypatch.setattr(zero_shot, "run_zero_shot", run)
    tuned, untuned = map(str, models)
    words = ["eval", "zero-shot", "--model", tuned, "--untuned", untuned, "--train-data", "a", "--data", "b"]
    assert meit_cli.main([*words, "--split", "test", "--out", str(tmp_path), "--text-column", "report_en"]) == 0
    assert "told" in capsys.readouterr().out
    model, trained, tested, split, _ = given["words"]
    assert (model, trained.place, tested.place, split) == (tuned, "a", "b", "test")
    assert (given["untuned"], given["text_column"], given["language_told"]) == (untuned, "report_en", True)
    words = ["eval", "zero-shot", "--model", tuned, "--data", "b", "--split", "test", "--out", str(tmp_path)]
    assert meit_cli.main(words) == 2
    assert "--train-data" in capsys.readouterr().err
