"""`meit publish model` against the local Hub: what goes up, under which card, and what is said when it cannot."""

import json
import re
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from eval_suite.model_folder import folder_fingerprint
from tests.hub.client import ROOT, run_python
from tests.hub.hub_server import HubServer
from tests.tiny import save_tiny_model_folder

PERSON = "---\nlicense: cc-by-4.0\n---\n\n# Mine\n\nWritten by hand.\n"
DATA_CARD = """---
language:
- de
- en
license: cc-by-4.0
pretty_name: Instruction data from some-archive-1.0
---

# Instruction data

```bibtex
@article{someone2020, title = {Some archive}}
```
"""
LEFT = ("checkpoint-12/", "events.out", "predictions.parquet", "run.py", "trainer_state.json", "training_args.bin")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return save_tiny_model_folder(tmp_path_factory.mktemp("saved") / "model", num_ecg_tokens=2)


@pytest.fixture
def folder(saved, tmp_path):
    """A model's folder with what a training run leaves beside it."""
    shutil.copytree(saved, tmp_path / "model")
    for name in LEFT:
        if name.endswith("/"):
            (tmp_path / "model" / name).mkdir()
            (tmp_path / "model" / name / "model.safetensors").write_bytes(b"old")
        else:
            (tmp_path / "model" / name).write_text("of the run")
    return tmp_path / "model"


@pytest.fixture
def data(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "README.md").write_text(DATA_CARD)
    (tmp_path / "data" / "build.json").write_text(json.dumps({"source": "some-archive-1.0", "rows": {"train": 1234}}))
    return tmp_path / "data"


def scores_of(model: Path, out: Path) -> Path:
    """As `meit eval quality` leaves them, of this folder."""
    out.mkdir()
    system = f"model, sha256 of its files {folder_fingerprint(model)[:16]}, float32"
    conditions = {"system": system, "data": "some-set", "split": "validation", "language_told": True}
    (out / "scores.json").write_text(json.dumps({"conditions": conditions}))
    (out / "table.md").write_text("| system | BLEU-4 |\n|---|---:|\n| model | .349 (.331 to .367) |\n")
    return out


def publish(hub: HubServer | str, tmp_path: Path, *arguments: object, **options):
    """The command's process."""
    command = ["-m", "meit_cli", "publish", "model", *arguments]
    return run_python(hub, tmp_path / "home", *command, **options)


def published(hub, tmp_path, *arguments, **options):
    """What the command printed, which must have gone well."""
    done = publish(hub, tmp_path, *arguments, **options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def refused(hub, tmp_path, *arguments, **options):
    """Its one line of error."""
    done = publish(hub, tmp_path, *arguments, **options)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith("meit: error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_a_trained_folder_becomes_a_model_on_the_hub(hub, folder, data, tmp_path):
    (folder / "README.md").write_text("---\ntags:\n- generated_from_trainer\n---\n\nA card of TRL's.\n")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    scores = scores_of(folder, tmp_path / "scores")
    arguments = (folder, "tester/made", "--data", data, "--license", "apache-2.0", "--scores", scores)
    printed = published(hub, tmp_path, *arguments)

    head = hub.store.repos["models", "tester/made"].branches["main"]
    assert printed.splitlines()[-2:] == [f"{hub.url}/tester/made", f"commit {head.oid}"]
    assert [commit.title for commit in head.history()] == ["Publish model with meit-ecg", "initial commit"]
    assert f"left out: {', '.join(LEFT)}\n" in printed
    assert "a card was made in its place" in printed

    there = hub.files("tester/made")
    ours = {path.name for path in before if path.parent == folder} - set(LEFT)
    assert there.keys() == ours
    assert all(there[name] == (folder / name).read_bytes() for name in ours - {"README.md"})
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before

    header, _, card = there["README.md"].decode().partition("\n---\n")
    for line in ("license: apache-2.0", "library_name: transformers", "pipeline_tag: text-generation", "- ecg", "- de"):
        assert line in header.splitlines(), line
    for needed in (
        'pipeline("ecg-to-text", model="tester/made", trust_remote_code=True)',
        "Research use only",
        "(10 s, 100 Hz)",
        "2 a recording",
        "`llama` decoder",
        ".349 (.331 to .367)",
        "some-set, split validation, language told",
        "`some-archive-1.0`, 1,234 recordings with their reports; licence of the data: cc-by-4.0",
        "@article{someone2020",
        "## Limits",
        "The weights: apache-2.0.",
    ):
        assert needed in card, needed
    total = sum(part.numel() for name, part in load_file(folder / "model.safetensors").items() if is_parameter(name))
    assert f"{total:,}\nparameters." in card

    # The same again changes nothing, and says the same commit.
    assert published(hub, tmp_path, *arguments).splitlines()[-1] == f"commit {head.oid}"
    assert "no new commit" in published(hub, tmp_path, *arguments)
    assert hub.store.repos["models", "tester/made"].branches["main"] == head


def is_parameter(name: str) -> bool:
    return not re.search(r"running_(mean|var)$|num_batches_tracked$", name)


def test_the_guide_names_what_the_command_takes(hub, tmp_path):
    guide = (ROOT / "docs" / "publishing.md").read_text().split("# Publishing a data set")[0]
    printed = publish(hub, tmp_path, "--help").stdout
    options = set(re.findall(r"--[a-z][a-z-]+", guide)) - {"--out"}
    assert {"--private", "--revision", "--data", "--license", "--scores", "--base-model"} <= options
    for option in options:
        assert option in printed, option
    for block in re.findall(r"```python\n(.*?)```", guide, re.S):
        compile(block, "publishing.md", "exec")


def test_a_persons_card_is_kept_wherever_it_lies(hub, folder, data, tmp_path):
    whole = PERSON.replace("license", "library_name: x\npipeline_tag: y\ntags: [z]\nlicense")
    for card in (PERSON, whole):
        (folder / "README.md").write_text(card)
        published(hub, tmp_path, folder, "tester/kept")
        there = hub.files("tester/kept")["README.md"].decode()
        assert there.split("\n---\n")[1] == card.split("\n---\n")[1]
        assert "license: cc-by-4.0" in there
    assert there == whole
    assert (folder / "README.md").read_text() == whole
    # Without one in the folder, the Hub's stays; --data would make another.
    (folder / "README.md").unlink()
    printed = published(hub, tmp_path, folder, "tester/kept", "--data", data, "--license", "mit")
    assert "on the Hub was written by a person and is kept" in printed
    assert hub.files("tester/kept")["README.md"].decode().endswith("# Mine\n\nWritten by hand.\n")
    assert "license: cc-by-4.0" in hub.files("tester/kept")["README.md"].decode()
    scores = scores_of(folder, tmp_path / "scores")
    assert "written by a person" in refused(hub, tmp_path, folder, "tester/kept", "--scores", scores)


def test_a_branch_leaves_main_alone_and_old_weights_go(hub, folder, tmp_path):
    (folder / "README.md").write_text(PERSON)
    published(hub, tmp_path, folder, "tester/shards")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    halves = [dict(list(weights.items())[::2]), dict(list(weights.items())[1::2])]
    index = {}
    for number, half in enumerate(halves, start=1):
        name = f"model-0000{number}-of-00002.safetensors"
        save_file(half, folder / name)
        index |= dict.fromkeys(half, name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    printed = published(hub, tmp_path, folder, "tester/shards", "--revision", "next")
    assert "removed from the branch, as this model does not have them: model.safetensors" in printed
    names = {name for name in hub.files("tester/shards", "next") if "safetensors" in name}
    assert names == {*index.values(), "model.safetensors.index.json"}
    assert "model.safetensors" in hub.files("tester/shards")


def test_no_path_of_this_machine_goes_up_and_the_base_model_is_named(hub, folder, tmp_path):
    (folder / "README.md").write_text(PERSON)
    config = json.loads((folder / "config.json").read_text())
    for place, there in ((str(tmp_path / "backbone"), None), ("someone/decoder", "someone/decoder")):
        config["text_config"]["_name_or_path"] = place
        (folder / "config.json").write_text(json.dumps(config))
        published(hub, tmp_path, folder, "tester/paths")
        files = hub.files("tester/paths")
        assert json.loads(files["config.json"])["text_config"].get("_name_or_path") == there
        assert (b"base_model: someone/decoder" in files["README.md"]) == (there is not None)
        assert not any(str(tmp_path).encode() in content for content in files.values())


def test_what_the_hub_holds_is_compared_with_what_was_sent(hub, folder, tmp_path):
    (folder / "README.md").write_text(PERSON)
    for name in ("config.json", "model.safetensors"):
        hub.store.damage = name
        message = refused(hub, tmp_path, folder, f"tester/damaged-{name.split('.')[0]}")
        assert f"does not hold what was sent: {name} differ" in message


def test_refusals_of_the_hub_are_one_line(hub, folder, tmp_path):
    (folder / "README.md").write_text(PERSON)
    published(hub, tmp_path, folder, "tester/public")
    (folder / "README.md").write_text(PERSON + "More.\n")
    repos = set(hub.store.repos)
    asked = len(hub.requests)
    assert "no token for the Hub" in refused(hub, tmp_path, folder, "tester/x", token=None)
    assert "no repository id" in refused(hub, tmp_path, folder, "x")
    assert len(hub.requests) == asked
    assert "the token is not valid" in refused(hub, tmp_path, folder, "tester/x", token="hf_wrong")
    assert "may not write" in refused(hub, tmp_path, folder, "tester/public", token="hf_reader")
    assert "may not write" in refused(hub, tmp_path, folder, "other/x")
    assert "exists and is public" in refused(hub, tmp_path, folder, "tester/public", "--private")
    assert "no repository id" in refused(hub, tmp_path, folder, "tester/two words")
    assert "cannot be reached" in refused("http://127.0.0.1:9", tmp_path, folder, "tester/x")
    assert "HF_HUB_OFFLINE" in refused(hub, tmp_path, folder, "tester/x", HF_HUB_OFFLINE="1")
    assert set(hub.store.repos) == repos
    published(hub, tmp_path, folder, "tester/hidden", "--private")
    assert hub.store.repos["models", "tester/hidden"].private


def test_refusals_of_a_card_are_one_line(hub, folder, data, tmp_path):
    licence = ("--license", "mit")
    assert "without --data" in refused(hub, tmp_path, folder, "tester/card", *licence)
    assert "without --license" in refused(hub, tmp_path, folder, "tester/card", "--data", data)
    assert "no card of a data set" in refused(hub, tmp_path, folder, "tester/card", *licence, "--data", folder)
    (folder / "README.md").write_text("# Mine\n")
    assert "states no license" in refused(hub, tmp_path, folder, "tester/card")
    (folder / "README.md").write_text("---\n{[\n---\n# Mine\n")
    assert "no YAML" in refused(hub, tmp_path, folder, "tester/card")
    (folder / "README.md").unlink()
    scores = scores_of(folder, tmp_path / "scores")
    (folder / "generation_config.json").write_text("{}")
    card = ("--data", data, *licence, "--scores")
    assert "holds other files" in refused(hub, tmp_path, folder, "tester/card", *card, scores)
    assert "no scores.json there" in refused(hub, tmp_path, folder, "tester/card", *card, data)
    assert ("models", "tester/card") not in hub.store.repos
