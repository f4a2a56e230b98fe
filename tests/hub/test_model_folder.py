"""What `meit publish model` asks of a folder, and what of it is published; no Hub is needed."""

import json
import shutil

import pytest
from safetensors.torch import load_file, save_file

from checkpoints import shipped
from dataset_scripts.record import EcgInputError
from meit_hub.model_folder import model_files
from meit_hub.publish import publish_model
from tests.tiny import save_tiny_model_folder
from tests.tiny_seq2seq import save_tiny_seq2seq_folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return save_tiny_model_folder(tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "model")


def change(path, function):
    content = json.loads(path.read_text())
    function(content)
    path.write_text(json.dumps(content))


def cut(folder):
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])


def rename_weights(folder, rename):
    weights = load_file(folder / "model.safetensors")
    save_file({rename(name): part for name, part in weights.items()}, folder / "model.safetensors")


def shards(folder):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model-1-of-1.safetensors"}}))


def elsewhere(config):
    config["auto_map"]["AutoModel"] = "some/repo--modeling_meit.MeitModel"


BROKEN = {
    "no weights (model.safetensors; pickled": lambda folder: (folder / "model.safetensors").unlink(),
    "no processor_config.json": lambda folder: (folder / "processor_config.json").unlink(),
    "no tokenizer_config.json": lambda folder: (folder / "tokenizer_config.json").unlink(),
    "no vocabulary": lambda folder: (folder / "tokenizer.json").unlink(),
    "no prefix_fusion.py": lambda folder: (folder / "prefix_fusion.py").unlink(),
    "no pipeline_meit.py": lambda folder: (folder / "pipeline_meit.py").unlink(),
    "no feature_extraction_meit.py": lambda folder: (folder / "feature_extraction_meit.py").unlink(),
    "model.safetensors is damaged": cut,
    "the weights hold no ECG encoder": lambda folder: rename_weights(folder, lambda name: "x." + name),
    "an unmerged LoRA": lambda folder: rename_weights(folder, lambda name: name.replace(".weight", ".lora_A.weight")),
    "no model-1-of-1.safetensors": shards,
    "no auto_map": lambda folder: change(folder / "config.json", lambda config: config.pop("auto_map")),
    "another repository (some/repo--": lambda folder: change(folder / "config.json", elsewhere),
    "is no JSON file": lambda folder: (folder / "config.json").write_text("{"),
    "holds no JSON object": lambda folder: (folder / "config.json").write_text("[]"),
    "is no Python": lambda folder: (folder / "prefix_fusion.py").write_text("def"),
    "has no config.json": lambda folder: (folder / "config.json").unlink(),
    "there is no folder": shutil.rmtree,
}


@pytest.mark.parametrize("message", BROKEN)
def test_what_is_missing_is_named(folder, message):
    BROKEN[message](folder)
    with pytest.raises(EcgInputError) as raised:
        publish_model(folder, "tester/model")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_everything_that_is_missing_is_named_at_once(folder):
    for name in ("processor_config.json", "tokenizer.json", "model.safetensors"):
        (folder / name).unlink()
    with pytest.raises(EcgInputError, match=r"no weights.*; no processor_config.json; no vocabulary.*save_pretrained"):
        model_files(folder)


def test_saved_folders_and_the_shipped_one_are_whole(saved, tmp_path):
    assert set(model_files(saved)) == {path.name for path in saved.iterdir()}
    encoder_decoder = save_tiny_seq2seq_folder(tmp_path / "encoder-decoder")
    assert set(model_files(encoder_decoder)) == {path.name for path in encoder_decoder.iterdir()}
    # The shipped model's code comes with every file of the room, used or not; its card is published apart.
    there = {path.name for path in shipped().iterdir()} - {"README.md"}
    files = set(model_files(shipped()))
    assert files <= there
    assert all(name.endswith(".py") for name in there - files)
