"""`train_sft.py` straight from a data set: from a folder and from a config on a local Hub, loaded and streamed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from dataset_scripts.build import build
from dataset_scripts.build_options import BuildOptions
from dataset_scripts.simulation.archives.challenge import write_challenge
from dataset_scripts.simulation.archives.code_15 import write_code_15
from dataset_scripts.simulation.archives.mimic_iv_ecg import write_mimic_iv_ecg
from dataset_scripts.simulation.archives.plain_wfdb import write_wfdb_folder
from tests.dataset_scripts.fake_ptbxl import write_archive
from tests.hub.client import ROOT, run_python, succeed
from tests.hub.hub_server import HubServer
from tests.training.conftest import RECIPE

CONFIGS = ("ptb-xl", "mimic-iv-ecg", "cinc", "code-15", "wfdb-folder")
TAG = "from huggingface_hub import HfApi; HfApi().create_tag('tester/ecg', tag='v1', repo_type='dataset')"


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """A data set of each archive, as `meit build` makes it, with every kind of question."""
    folder = tmp_path_factory.mktemp("built")
    writers = {
        "ptb-xl": lambda place: write_archive(place, records=40),
        "mimic-iv-ecg": lambda place: write_mimic_iv_ecg(place, 40, pool=4),
        "cinc": lambda place: write_challenge(place, 30),
        "code-15": lambda place: write_code_15(place, 30),
        "wfdb-folder": lambda place: write_wfdb_folder(place, 30),
    }
    for name, write in writers.items():
        build(name, write(folder / f"{name}-archive"), folder / name, 100, 1, BuildOptions(tasks=("all",)))
    return {name: folder / name for name in CONFIGS}


@pytest.fixture(scope="module")
def hub(folders, tmp_path_factory) -> Iterator[HubServer]:
    with HubServer() as server:
        home = tmp_path_factory.mktemp("pusher")
        for folder in folders.values():
            succeed(run_python(server, home, "-m", "meit_cli", "publish", "dataset", folder, "tester/ecg", "--signals"))
        succeed(run_python(server, home, "-c", TAG))
        yield server


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "streaming"), [*((name, "false") for name in CONFIGS), ("ptb-xl", "true"), ("mimic-iv-ecg", "true")]
)
def test_a_run_straight_from_each_config(config, streaming, folders, hub, tmp_path):
    """From the Hub, and from the folder that was published: the same rows, and so the same weights."""
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    places = {
        "hub": ["data=tester/ecg", "data_revision=v1", f"data_config={config}"],
        "folder": [f"data={folders[config]}"],
    }
    for place, data in places.items():
        settings = [*data, f"streaming={streaming}", "tasks=[report,yes_no]", f"output_dir={tmp_path / place}"]
        settings += ["max_steps=8", "save_strategy=steps", "save_steps=8", "validation_share=0", "eval_strategy=no"]
        asked = len(hub.requests)
        succeed(run_python(hub, tmp_path / "home", ROOT / "train_sft.py", tmp_path / "recipe.yaml", *settings))
        state = json.loads((tmp_path / place / "checkpoint-8" / "trainer_state.json").read_text())
        losses = [entry["loss"] for entry in state["log_history"] if "loss" in entry]
        assert losses[-1] < losses[0]
        read = {path for _, path in hub.requests[asked:] if path.endswith(".parquet")}
        assert all(f"/{config}/" in path for path in read)
        assert bool(read) == (place == "hub")
    ours, theirs = (tmp_path / place / "model.safetensors" for place in places)
    assert ours.read_bytes() == theirs.read_bytes()


@pytest.mark.slow
def test_a_stream_over_http_is_resumed(hub, tmp_path):
    """The second run goes on where the first one ended, and so ends where one of all steps does."""
    recipe = {**RECIPE, "data": "tester/ecg", "data_config": "ptb-xl", "streaming": True, "shuffle_buffer": 10}
    recipe |= {"save_strategy": "steps", "save_steps": 3, "lr_scheduler_type": "constant", "augmentation": {}}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    command = (ROOT / "train_sft.py", tmp_path / "recipe.yaml")
    whole, parts = (f"output_dir={tmp_path / name}" for name in ("whole", "parts"))
    for steps, out, *more in ((9, whole), (6, parts), (9, parts, "resume_from_checkpoint=true")):
        succeed(run_python(hub, tmp_path / "home", *command, f"max_steps={steps}", out, *more))
    ours, theirs = (tmp_path / name / "model.safetensors" for name in ("whole", "parts"))
    assert ours.read_bytes() == theirs.read_bytes()


@pytest.mark.slow
def test_a_config_that_the_hub_does_not_have(hub, tmp_path):
    recipe = {**RECIPE, "data": "tester/ecg", "output_dir": str(tmp_path / "run")}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    for settings, message in (
        (["data_config=ecg-qa"], "tester/ecg has no config ecg-qa; name one of"),
        ([], "tester/ecg has several configs; name one of"),
        (["data=tester/none"], "tester/none is no data set that can be reached"),
    ):
        done = run_python(hub, tmp_path / "home", ROOT / "train_sft.py", tmp_path / "recipe.yaml", *settings)
        assert done.returncode == 2
        assert message in done.stderr.splitlines()[-1]
