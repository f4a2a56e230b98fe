"""push_to_hub, and two-line loading by a stranger: over HTTP, in fresh processes, with an empty cache."""

import json

import pytest

from tests.hub.client import ROOT, run_python, succeed

HERE = ROOT / "tests" / "hub"


@pytest.fixture(scope="module")
def pushed(hub, tmp_path_factory):
    """Folder of results, and what the pushing process says of itself."""
    results = tmp_path_factory.mktemp("results")
    succeed(run_python(hub, results / "home", "-m", "tests.hub.push_everything", results))
    return results, json.loads((results / "pushed.json").read_text())


@pytest.fixture(scope="module")
def loaded(hub, pushed, tmp_path_factory):
    """What the stranger found."""
    folder = tmp_path_factory.mktemp("stranger")
    results, _ = pushed
    script = [HERE / "load_as_stranger.py", ROOT, results, folder / "again"]
    succeed(run_python(hub, folder / "home", "-I", *script, cwd=folder))
    return json.loads((results / "loaded.json").read_text())


def test_what_is_pushed_is_what_is_needed(hub, pushed):
    files = hub.files("tester/meit")
    assert {"config.json", "generation_config.json", "model.safetensors", "README.md"} <= files.keys()
    assert {"processor_config.json", "tokenizer.json", "pipeline_meit.py", "modeling_meit.py"} <= files.keys()
    for name in (name for name in files if name.endswith(".py")):
        assert files[name] == (ROOT / "modeling_meit" / name).read_bytes(), name
    adapter = hub.files("tester/adapter")
    assert {"adapter_config.json", "adapter_model.safetensors"} <= adapter.keys()
    assert json.loads(adapter["adapter_config.json"])["base_model_name_or_path"] == "tester/meit"


def test_every_revision_opens_with_its_own_weights(loaded):
    names = {"main", "inputs", "v1", "trial", "commit", "pinned pipeline", "adapter", "private with a token"}
    assert loaded["equal"] == dict.fromkeys(names, True)


def test_pipeline_by_id_and_from_what_it_saves(loaded, pushed):
    _, summary = pushed
    assert len(summary["report"][0]) > 3
    assert loaded["report"] == [{"report": summary["report"][0]}]
    assert loaded["report of the copy"] == loaded["report"]
    # The copy brings its own code, and does not run the Hub's.
    assert not any("--" in place for place in loaded["auto_map"].values())


def test_what_cannot_be_opened_says_why(loaded):
    errors = loaded["errors"]
    for name in ("private", "none"):
        assert "private" in errors[name]
        assert "token" in errors[name]
    assert "v9 is not a valid git identifier" in errors["no revision"]
