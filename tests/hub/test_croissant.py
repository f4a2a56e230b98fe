"""`croissant.json` as it was published: valid for MLCommons' own reader, and of use to it."""

import hashlib
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from dataset_scripts.build import build
from dataset_scripts.build_options import BuildOptions
from dataset_scripts.shards import sha256_of
from dataset_scripts.signal_index import write_index
from meit_hub.croissant import croissant
from meit_hub.dataset_config import OWN_FILES, DatasetConfig

mlcroissant = pytest.importorskip("mlcroissant")
URL = "https://huggingface.co/datasets/tester/ecg"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A copy of a repository with a data set and an index, and its description."""
    root = tmp_path_factory.mktemp("repository")
    options = BuildOptions(tasks=("rate",), source_options={"num_records": 30})
    build("synthetic", None, root / "made-up", num_proc=1, options=options)
    write_index(root / "made-up", root / "index")
    configs = [
        DatasetConfig.parse(name, {file: (root / name / file).read_text() for file in OWN_FILES})
        for name in ("index", "made-up")
    ]
    (root / "croissant.json").write_text(croissant("tester/ecg", URL, configs, ["ecg"], "2026-01-02"))
    return root


def opened(root, described=None):
    """The reader's view; files come from the folder in place of the Hub."""
    described = described or json.loads((root / "croissant.json").read_text())
    return mlcroissant.Dataset(jsonld=described, mapping={"repository": str(root)})


def test_it_validates_without_a_warning(repository):
    metadata = opened(repository).metadata
    assert metadata.ctx.issues.report() == ""
    assert metadata.ctx.conforms_to.value == "http://mlcommons.org/croissant/1.1"
    assert [record_set.id for record_set in metadata.record_sets] == ["index", "made-up"]
    assert metadata.url == URL
    assert metadata.license == ["https://spdx.org/licenses/CC0-1.0.html"]
    assert "simulated" in metadata.personal_sensitive_information[0]
    assert "dipole" in metadata.data_collection
    signal = next(f for f in metadata.record_sets[1].fields if f.id == "made-up/signal")
    assert signal.array_shape_tuple == (12, 1000)
    assert "microvolt" in signal.description


def test_checksums_and_sizes_are_those_of_the_files(repository):
    described = json.loads((repository / "croissant.json").read_text())
    shards = [part for part in described["distribution"] if part["@id"].endswith(".parquet")]
    assert {repository / part["contentUrl"] for part in shards} == set(repository.glob("*/data/*.parquet"))
    for part in shards:
        path = repository / part["contentUrl"]
        assert part["sha256"] == sha256_of(path)
        assert part["contentSize"] == f"{path.stat().st_size} B"


def test_records_are_read_through_it(repository):
    expected = {row["ecg_id"]: row for row in pq.read_table(repository / "made-up" / "data").to_pylist()}
    records = list(opened(repository).records("made-up"))
    assert len(records) == len(expected) == 30
    for record in records:
        row = expected[record["made-up/ecg_id"].decode()]
        assert record["made-up/signal"] == row["signal"]
        assert record["made-up/report"].decode() == row["report"]
        rates = [{key.split("/")[-1]: value.decode() for key, value in q.items()} for q in record["made-up/questions"]]
        assert rates == row["questions"]
        assert (
            record["made-up/signal_quality"]["made-up/signal_quality/lead_verdict"].decode()
            == (row["signal_quality"]["lead_verdict"])
        )
    splits = {record["made-up/split"] for record in records}
    assert splits == {b"train", b"validation", b"test"}
    held_out = list(opened(repository).records("index", {"index/split": "validation"}))
    assert {record["index/split"] for record in held_out} == {b"validation"}
    for record in held_out:
        samples = np.array(expected[record["index/ecg_id"].decode()]["signal"], "<i2").tobytes()
        assert record["index/signal_digest"].decode() == hashlib.blake2b(samples, digest_size=16).hexdigest()


def broken(described, how):
    fields = described["recordSet"][1]["field"]
    if how == "format":
        del described["distribution"][1]["encodingFormat"]
    elif how == "file set":
        fields[1]["source"]["fileSet"]["@id"] = "nowhere"
    elif how == "type":
        del fields[1]["dataType"]
    elif how == "shape":
        fields[3]["arrayShape"] = "twelve"
    return described


@pytest.mark.parametrize("how", ["format", "file set", "type", "shape"])
def test_a_broken_one_does_not_validate(repository, how):
    described = broken(json.loads((repository / "croissant.json").read_text()), how)
    with pytest.raises(mlcroissant.ValidationError):
        opened(repository, described)


def test_a_column_that_is_not_there_cannot_be_read(repository):
    described = json.loads((repository / "croissant.json").read_text())
    described["recordSet"][1]["field"][1]["source"]["extract"]["column"] = "other"
    with pytest.raises(mlcroissant.GenerationError):
        list(opened(repository, described).records("made-up"))
