"""What is learnt of each row, from which config of a data set, and how a record that cannot be used is named."""

from __future__ import annotations

import shutil

import datasets
import numpy as np
import pytest

import train_sft
from dataset_scripts.record import EcgInputError
from dataset_scripts.shards import ShardWriter
from meit_training.conversations import conversations
from tests.training.conftest import row_of, write_data_set


def asked(rows, tasks, told=1.0):
    return [
        (example["row"], example["prompt"][0]["content"], example["completion"][0]["content"])
        for example in conversations(rows, told, 0, tasks)
    ]


def test_each_task_is_a_conversation_of_its_own_on_the_same_row(data_folder):
    rows = datasets.load_dataset(str(data_folder), split="train")
    report = [(i, row["prompt"], row["completion"]) for i, row in enumerate(rows)]
    questions = [(i, q["task"], q["prompt"], q["completion"]) for i, row in enumerate(rows) for q in row["questions"]]
    rate = [(i, *texts) for i, task, *texts in questions if task == "rate"]
    rhythm = [(i, *texts) for i, task, *texts in questions if task == "rhythm"]
    assert (len(report), len(rate), len(rhythm)) == (36, 36, 12)
    assert asked(rows, ["report"]) == report
    assert asked(rows, ["rhythm"]) == rhythm
    assert sorted(asked(rows, ["report", "rate"])) == sorted(report + rate)
    assert sorted(asked(rows, ["all"])) == sorted(report + rate + rhythm)


def test_the_choice_of_prompts_goes_with_the_record_and_not_with_its_place(data_folder):
    rows = datasets.load_dataset(str(data_folder), split="train")
    whole = {rows["ecg_id"][row]: prompt for row, prompt, _ in asked(rows, ["report"], told=0.5)}
    assert len(set(whole.values())) == 2
    part = rows.select([30, 5, 11])
    assert [prompt for _, prompt, _ in asked(part, ["report"], told=0.5)] == [whole[i] for i in part["ecg_id"]]


def test_questions_are_trained_and_held_out_with_their_row(trainer_of):
    report, _ = trainer_of()
    trainer, _ = trainer_of("tasks=[all]", "max_length=160")
    for before, after in ((report.train_dataset, trainer.train_dataset), (report.eval_dataset, trainer.eval_dataset)):
        assert set(before["row"]) == set(after["row"])
        assert len(after) == sum(3 if row % 3 == 0 else 2 for row in before["row"])
    trainer.train()


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ("[report,axis]", "none of 36 rows has a question of task axis; choose tasks of report, all, rate, rhythm"),
        ("[]", "tasks is empty"),
    ],
)
def test_a_task_that_no_row_has_is_refused(tasks, message, trainer_of):
    with pytest.raises(EcgInputError, match=message):
        trainer_of(f"tasks={tasks}")


def test_questions_need_their_column(trainer_of, data_folder, tmp_path):
    folder = tmp_path / "older"
    (folder / "data").mkdir(parents=True)
    rows = datasets.load_dataset(str(data_folder), split="train").remove_columns("questions")
    rows.to_parquet(folder / "data" / "train-00000.parquet")
    shutil.copy(data_folder / "README.md", folder)
    trainer_of(f"data={folder}")
    for streaming in ("false", "true"):
        with pytest.raises(EcgInputError, match="has no column questions; build it with"):
            trainer_of(f"data={folder}", "tasks=[rate]", f"streaming={streaming}")


@pytest.fixture
def two_configs(tmp_path):
    """`one` has 12 records, `two` 20."""
    folder = tmp_path / "both"
    for name, count in (("one", 12), ("two", 20)):
        write_data_set(folder / name, [count])
    header = "".join(
        f"- config_name: {n}\n  data_files:\n  - split: train\n    path: {n}/data/*\n" for n in ("one", "two")
    )
    (folder / "README.md").write_text(f"---\nconfigs:\n{header}---\n")
    return folder


@pytest.mark.parametrize("streaming", ["false", "true"])
def test_a_config_is_named_or_those_there_are_are_listed(trainer_of, two_configs, streaming):
    settings = (f"data={two_configs}", f"streaming={streaming}", "eval_strategy=steps", "eval_steps=1")
    for name, count in (("one", 12), ("two", 20)):
        trainer, _ = trainer_of(*settings, "validation_share=0.5", f"data_config={name}")
        rows = [f"r{row}" for row in range(count)]
        assert set(trainer.data_collator.source.dataset["ecg_id"]) <= set(rows)
        assert (trainer.data_collator.source.dataset["ecg_id"][-1] == rows[-1]) or streaming == "true"
    with pytest.raises(EcgInputError, match="has several configs; name one of one, two"):
        trainer_of(*settings)
    with pytest.raises(EcgInputError, match="has no config three; name one of one, two"):
        trainer_of(*settings, "data_config=three")
    with pytest.raises(EcgInputError, match="a revision is of a data set on the Hub"):
        trainer_of(*settings, "data_config=one", "data_revision=v1")


@pytest.mark.parametrize("streaming", ["false", "true"])
def test_a_record_that_cannot_be_used_is_named(recipe_file, tmp_path, streaming):
    folder = write_data_set(tmp_path / "bad", [3])
    rng = np.random.default_rng(1)
    with ShardWriter(folder / "data" / "train-00001.parquet") as writer:
        for index in range(3, 9):
            signal = rng.normal(0, 400, (12, 200)).astype(np.int16)
            signal[:8] *= index != 6
            writer.add(signal, row_of(index))
        writer.finish()
    settings = [f"data={folder}", f"streaming={streaming}", "validation_share=0", "max_steps=4"]
    with pytest.raises(EcgInputError, match=r"record r6: this ECG cannot be read: .*flat.*; take it out"):
        train_sft.main([str(recipe_file), *settings])


def test_a_folder_is_not_taken_for_another_of_the_same_name(trainer_of, tmp_path):
    """Their cards are alike, so `datasets` would take both from one cache."""
    for name, count in (("a", 5), ("b", 9)):
        trainer, _ = trainer_of(f"data={write_data_set(tmp_path / name / 'ecg', [count])}", "validation_share=0")
        assert len(trainer.train_dataset) == count
