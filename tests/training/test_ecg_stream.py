"""Rows streamed while training goes on: which are seen, in what order, from any place, and how many are held."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pytest

from dataset_scripts.record import EcgInputError
from dataset_scripts.splits import patient_holdout
from meit_training.ecg_stream import PLACE, EcgStream, Place
from tests.training.conftest import write_data_set

ROOT = Path(__file__).parents[2]
COLUMNS = ["ecg_id", "patient_id", "signal", "sampling_rate", "prompt", "completion"]


def stream_of(folder: Path, buffer: int = 16, seed: int = 1, share: float = 0.3, **options) -> EcgStream:
    rows = datasets.load_dataset(str(folder), split="train", streaming=True, columns=COLUMNS, batch_size=8)
    texts = ["prompt", "completion"]
    tokens = options.pop("tokens", lambda prompt, completion: {"input_ids": [len(prompt)], "labels": [len(completion)]})
    return EcgStream(
        rows, texts, lambda row: [(row["prompt"], row["completion"])], tokens, (share, 0), buffer, seed, **options
    )


def ids_of(stream: EcgStream, count: int) -> list[tuple[int, str]]:
    return [(example["epoch"], example["ecg_id"]) for example in itertools.islice(stream, count)]


def test_an_epoch_gives_every_row_that_is_not_held_out_once_in_an_order_of_its_own(shards):
    rows = datasets.load_dataset(str(shards), split="train")
    held_out = patient_holdout(rows["patient_id"], 0.3, 0)
    learnt = {ecg_id for ecg_id, out in zip(rows["ecg_id"], held_out, strict=True) if not out}
    assert 0 < len(learnt) < len(rows)
    seen = ids_of(stream_of(shards), 3 * len(learnt))
    epochs = [[ecg_id for epoch, ecg_id in seen if epoch == number] for number in range(3)]
    for ids in epochs:
        assert Counter(ids) == Counter(learnt)
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    assert epochs[0] != [ecg_id for ecg_id in rows["ecg_id"] if ecg_id in learnt]
    assert ids_of(stream_of(shards), 20) == seen[:20] != ids_of(stream_of(shards, seed=2), 20)


def test_the_signals_are_those_of_the_rows(shards):
    rows = datasets.load_dataset(str(shards), split="train")
    signals = dict(zip(rows["ecg_id"], np.asarray(rows["signal"][:], dtype=np.int16), strict=True))
    for example in itertools.islice(stream_of(shards), 60):
        assert example["signal"].dtype == np.int16
        np.testing.assert_array_equal(example["signal"], signals[example["ecg_id"]])


@pytest.mark.parametrize("buffer", [1, 5, 16, 37, 1000])
@pytest.mark.parametrize("max_rows", [None, 33])
def test_a_stream_goes_on_from_any_of_its_places(shards, buffer, max_rows):
    examples = list(itertools.islice(stream_of(shards, buffer, max_rows=max_rows), 130))
    expected = [(example["epoch"], example["ecg_id"]) for example in examples]
    assert max(epoch for epoch, _ in expected) >= 2
    if max_rows:
        assert len({ecg_id for _, ecg_id in expected}) < max_rows
    for given in range(0, 110, 7):
        start = Place(**json.loads(examples[given][PLACE]))
        assert ids_of(stream_of(shards, buffer, max_rows=max_rows, start=start), 19) == expected[given + 1 : given + 20]


def test_what_is_held_is_a_small_part_of_the_rows(tmp_path):
    """How much the reader has read ahead depends on the machine: two to four files of the 96 were seen."""
    files, record = 96, 12 * 200 * 2
    folder = write_data_set(tmp_path / "many", [64] * files)
    before, held = pa.total_allocated_bytes(), []
    for example in itertools.islice(stream_of(folder, buffer=128, share=0.0), 64 * files):
        held.append(pa.total_allocated_bytes() - before)
        del example
    assert 64 * record < max(held) < 64 * files * record / 4


def test_a_stream_without_a_row_to_learn_from_says_so(shards):
    with pytest.raises(EcgInputError, match=r"validation_share=1.0.* leaves nothing of the streamed rows"):
        next(iter(stream_of(shards, share=1.0)))
    with pytest.raises(EcgInputError, match="length limit"):
        next(iter(stream_of(shards, tokens=lambda prompt, completion: None)))


LEAVE = """
import sys
from pathlib import Path
from tests.training import test_ecg_stream
stream = test_ecg_stream.stream_of(Path(sys.argv[1]), buffer=300)
next(iter(stream))
stream.close()
"""


@pytest.mark.slow
def test_a_process_ends_that_leaves_a_stream_in_the_middle_of_a_file(tmp_path):
    """It would hang on pyarrow's threads, which still read."""
    folder = write_data_set(tmp_path / "long", [3000])
    command = [sys.executable, "-c", LEAVE, str(folder)]
    assert subprocess.run(command, cwd=ROOT, timeout=120, check=False).returncode == 0
