"""What is looked at before a data set goes to the Hub: its folder, its licence, the cards that are there already."""

import json
import shutil

import pytest

from dataset_scripts.record import EcgInputError
from dataset_scripts.signal_index import write_index
from meit_hub.dataset_card import repository_card
from meit_hub.dataset_config import OWN_FILES, DatasetConfig
from meit_hub.dataset_repo import open_config
from meit_hub.publish_dataset import may_be_public, publish_dataset
from tests.hub.client import WRITER
from tests.hub.hub_store import front_matter

MIMIC, PTBXL = "mimic-iv-ecg", "ptb-xl"


def test_a_folder_that_is_not_whole_is_refused(built, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", WRITER)

    def refused(match, folder=tmp_path / "set", **options):
        with pytest.raises(EcgInputError, match=match):
            publish_dataset(folder, "tester/no", **options)

    data = tmp_path / "set" / "data"
    shutil.copytree(built / PTBXL, tmp_path / "set")
    shard = sorted(data.iterdir())[0]
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    refused(f"{shard.name} is missing or damaged")
    shard.unlink()
    refused(f"{shard.name} is missing or damaged")
    shard.write_bytes(whole)
    (data / "train-00009-of-00010.parquet").write_bytes(whole)
    refused(r"has files that manifest.json does not name \(train-00009")
    (data / "train-00009-of-00010.parquet").rename(data / "x.parquet.12.part")
    refused(r"holds unfinished files \(x.parquet.12.part\)")
    (data / "x.parquet.12.part").unlink()
    plan = tmp_path / "set" / "build.json"
    whole_plan = json.loads(plan.read_text())
    plan.write_text(json.dumps({**whole_plan, "rows": {**whole_plan["rows"], "train": 1}}))
    refused("expected the rows")
    plan.write_text(json.dumps({"source": "x", "rows": {}}))
    refused("build.json has no builder, sampling_rate")
    plan.unlink()
    refused("is no finished data set")
    refused("expected letters", built / PTBXL, config="a/b")
    write_index(built / PTBXL, tmp_path / "index")
    refused("is an index and has no signals", tmp_path / "index", signals=True)
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    refused("no token", built / PTBXL)


def test_a_header_alone_is_no_persons_card(built):
    """`push_to_hub` of datasets writes one; what it says beside ours stays."""
    texts = {file: (built / PTBXL / file).read_text() for file in OWN_FILES}
    config = DatasetConfig.parse(PTBXL, texts)
    there = "---\nlicense: mit\ngated: auto\ndataset_info:\n  config_name: other\n  dataset_size: 1\n---\n"
    card, notes = repository_card("tester/ecg", [config], there)
    header = front_matter(card)
    assert notes == []
    assert "# ecg" in card
    assert (header["license"], header["gated"]) == ("cc-by-4.0", "auto")
    assert [entry["config_name"] for entry in header["dataset_info"]] == ["other", PTBXL]
    assert repository_card("tester/ecg", [config], card) == (card, [])
    with pytest.raises(EcgInputError, match="no YAML"):
        repository_card("tester/ecg", [config], "---\n{[\n---\n# Mine\n")
    with pytest.raises(EcgInputError, match="has no license, dataset_info, pretty_name"):
        DatasetConfig.parse(PTBXL, {**texts, "README.md": "# No header\n"})


@pytest.mark.parametrize(
    ("builder", "options", "public"),
    [(PTBXL, {}, True), (MIMIC, {}, False), ("wfdb-folder", {}, False), ("wfdb-folder", {"public": True}, True)],
)
def test_who_decides_whether_signals_go_up(builder, options, public):
    assert may_be_public({"builder": builder, "options": {"source_options": options}}) is public


def test_an_index_is_found_in_folders(built, tmp_path):
    assert open_config(str(built / PTBXL), "x") == built / PTBXL
    assert open_config(f"{built}:{MIMIC}", "x") == built / MIMIC
    assert open_config(str(built), PTBXL) == built / PTBXL
    for place in (str(built), f"{built}:none"):
        with pytest.raises(EcgInputError, match=r"which configuration\? it has mimic-iv-ecg, ptb-xl"):
            open_config(place, "x")
    with pytest.raises(EcgInputError, match="it has none that meit-ecg wrote"):
        open_config(str(tmp_path), PTBXL)
    with pytest.raises(EcgInputError, match="is no folder and no repository id"):
        open_config("nowhere", PTBXL)
