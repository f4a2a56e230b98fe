"""`meit publish space` against the local Hub, and the Space that a machine of the Hub's would then run."""

import ast
import json
import re
import shutil
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import checkpoints
from meit_hub.publish_space import MODULES, PACKAGES, ROOT_FILES, space_files
from tests.hub.client import ROOT, run_python, succeed
from tests.spaces_demo.service_process import ServiceProcess, ecg_files

SPACE = "tester/ecg"
HUB_MODEL = {"name": "mine", "source": "tester/model", "revision": "0" * 40, "description": "One of the Hub."}


def publish(hub, home, *arguments):
    return run_python(hub, home, "-m", "meit_cli", "publish", "space", *arguments)


@pytest.fixture(scope="module")
def published(hub, tmp_path_factory):
    """What the command printed."""
    return succeed(publish(hub, tmp_path_factory.mktemp("home"), SPACE))


@pytest.fixture(scope="module")
def snapshot(hub, published, tmp_path_factory):
    """The Space's repository, downloaded."""
    folder = tmp_path_factory.mktemp("space") / "app"
    code = "import sys; from huggingface_hub import snapshot_download as get\n"
    code += "get(sys.argv[1], repo_type='space', local_dir=sys.argv[2])"
    succeed(run_python(hub, folder.parent / "home", "-c", code, SPACE, folder, token=None))
    return folder


def test_what_is_published(hub, published):
    files = hub.files(SPACE, kind="spaces")
    assert f"{len(files)} files published and verified" in published
    assert f"/spaces/{SPACE}" in published
    assert set(ROOT_FILES) <= set(files)
    assert "checkpoints/meit-ptbxl-small/model.safetensors" in files
    assert "eval_suite/findings/lexicon/" in " ".join(files)
    assert any(path.startswith("spaces_demo/page/assets/") for path in files)
    unwanted = re.compile(r"(^|/)(tests?|__pycache__|\.git|docs|recipes|benchmarks)/|\.pyc$|(^|/)\.|setup\.py|meit_cli")
    assert not [path for path in files if unwanted.search(path)]
    for path, content in files.items():
        inside = path if path not in ROOT_FILES else f"spaces_demo/{path}"
        assert content == (ROOT / inside).read_bytes(), path


def test_data_files_are_those_that_the_wheel_has():
    setup = ast.parse((ROOT / "setup.py").read_text())
    call = next(
        node for node in ast.walk(setup) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setup"
    )
    given = {word.arg: word.value for word in call.keywords}
    package_data = ast.literal_eval(given["package_data"])
    modules = ast.literal_eval(given["py_modules"])
    assert set(MODULES) <= set(modules)
    for package, patterns in PACKAGES.items():
        if package == "checkpoints":  # of its models only those that are offered, see below
            continue
        assert sorted(patterns) == sorted(
            pattern for pattern in package_data.get(package, []) if pattern not in ROOT_FILES
        ), package
    assert {"README.md", "requirements.txt", "page/assets/*"} <= set(package_data["spaces_demo"])


def test_no_file_of_the_packages_is_forgotten():
    """Whatever git holds of them goes up, so that a new kind of file is not left behind."""
    kept = set(space_files())
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
                assert path.relative_to(ROOT).as_posix() in kept or path.name in ROOT_FILES, path


@pytest.fixture
def own_model():
    """A folder that somebody trained to lie beside the shipped model, as `checkpoints/ship.py` does."""
    folder = ROOT / "checkpoints" / "own-model-of-a-test"
    folder.mkdir()
    try:
        for name in ("config.json", "model.safetensors", "notes.md", "own.py", "optimizer.pt"):
            (folder / name).write_text("{}")
        yield folder.name
    finally:
        shutil.rmtree(folder)


def test_of_the_models_only_those_go_up_that_are_offered(own_model):
    for offered in ([checkpoints.DEFAULT], [own_model], []):
        models = {path.split("/")[1] for path in space_files(offered) if path.count("/") and "checkpoints/" in path}
        assert models == {"__init__.py", "ship.py", *offered}
    files = {path.split("/")[2] for path in space_files([own_model]) if own_model in path}
    assert files == {"config.json", "model.safetensors", "own.py"}


def header(card):
    return yaml.safe_load(card.split("---\n", 2)[1])


def test_header_of_the_space():
    fields = header((ROOT / "spaces_demo" / "README.md").read_text())
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    assert (fields["sdk"], fields["app_file"]) == ("gradio", "app.py")
    assert fields["sdk_version"] == pinned["gradio"]
    assert isinstance(fields["python_version"], str)
    assert fields["license"] == "apache-2.0"
    assert len(fields["short_description"]) <= 60
    text = (ROOT / "spaces_demo" / "README.md").read_text()
    for said in ("Research use only", "Not a medical device", "CC BY 4.0", "10.13026/kfzx-aw45", "2403.04945"):
        assert said in text


def test_requirements_are_the_versions_that_were_tested():
    lines = (ROOT / "spaces_demo" / "requirements.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith(("#", "-"))]
    tested = {line.partition(";")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert pins == sorted(pins)
    assert all("==" in pin for pin in pins)
    assert set(pins) <= tested


def installed_by(names):
    """Distributions that pip installs for these, with all that they need."""
    found, waiting = set(), [Requirement(name) for name in names]
    while waiting:
        asked = waiting.pop()
        key = (asked.name.lower().replace("_", "-"), frozenset(asked.extras))
        if key in found:
            continue
        found.add(key)
        for line in requires(asked.name) or []:
            needed = Requirement(line)
            extras = ["", *asked.extras]
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(needed)
    return {name for name, _ in found}


@pytest.mark.slow
def test_the_space_runs_from_its_repository_alone(snapshot, tmp_path):
    """Started as the Hub does, without the checkout: it reads an ECG over HTTP."""
    command = [sys.executable, "-I", str(ROOT / "tests" / "hub" / "run_space.py"), str(ROOT), str(snapshot)]
    running = ServiceProcess(
        tmp_path / "run", command=command, GRADIO_SERVER_NAME="0.0.0.0", GRADIO_SERVER_PORT="0", SPACE_ID=SPACE
    )
    try:
        client = running.client()
        reading = client.predict(files=ecg_files(tmp_path), api_name="/read")
        assert reading["report"]
        assert reading["model"] == checkpoints.DEFAULT
        assert reading["measurements"]["heart_rate_bpm"] == pytest.approx(60, abs=1)
        picture = client.predict(files=ecg_files(tmp_path), kind="pdf", api_name="/draw")
        assert Path(picture).read_bytes().startswith(b"%PDF-")
        assert running.stop() == 0, running.log()
        imported = running.last_line("imported").split()[1:]
    finally:
        running.process.kill()
        running.process.wait()
    pins = [line for line in (snapshot / "requirements.txt").read_text().splitlines() if "==" in line]
    there = installed_by(["gradio[mcp]", *pins])
    assert {name.lower().replace("_", "-") for name in imported} - there - {"meit-ecg"} == set()


def test_publishing_again_changes_nothing_and_takes_old_files_away(hub, published, tmp_path):
    repo = hub.store.repos["spaces", SPACE]
    succeed(publish(hub, tmp_path, SPACE))
    commits = len(repo.all_commits)
    assert "no new commit" in succeed(publish(hub, tmp_path, SPACE))
    assert len(repo.all_commits) == commits
    files = dict(repo.branches["main"].files)
    old = files["app.py"]
    repo.commit("main", "an older page", {**files, "spaces_demo/gone.py": old, "mine.txt": old})
    assert "1 files" in succeed(publish(hub, tmp_path, SPACE))
    now = hub.files(SPACE, kind="spaces")
    assert "spaces_demo/gone.py" not in now
    assert "mine.txt" in now


def test_models_of_the_operator(hub, tmp_path):
    listed = tmp_path / "models.json"
    listed.write_text(json.dumps([{"name": "small", "source": checkpoints.DEFAULT}, HUB_MODEL]))
    succeed(publish(hub, tmp_path, "tester/other", "--private", "--models", listed))
    files = hub.files("tester/other", kind="spaces")
    assert "checkpoints/meit-ptbxl-small/model.safetensors" in files
    assert hub.store.repos["spaces", "tester/other"].private
    assert json.loads(files["models.json"])[1] == HUB_MODEL
    assert header(files["README.md"].decode())["models"] == ["tester/model"]
    assert "Research use only" in files["README.md"].decode()


def test_with_models_of_the_hub_alone_none_of_this_machine_goes_up(hub, tmp_path):
    listed = tmp_path / "models.json"
    listed.write_text(json.dumps([HUB_MODEL]))
    succeed(publish(hub, tmp_path, "tester/hub-only", "--models", listed))
    files = hub.files("tester/hub-only", kind="spaces")
    assert {path for path in files if path.startswith("checkpoints/")} == {
        "checkpoints/__init__.py",
        "checkpoints/ship.py",
    }


def test_a_model_of_this_machine_is_refused(hub, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    listed = tmp_path / "models.json"
    listed.write_text(json.dumps([{"name": "local", "source": str(folder)}]))
    done = publish(hub, tmp_path, "tester/local", "--models", listed)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "which a Space does not have; publish it with `meit publish model`" in done.stderr
    assert ("spaces", "tester/local") not in hub.store.repos


def test_a_wrong_target_is_refused(hub, tmp_path):
    done = publish(hub, tmp_path, "no-slash")
    assert done.returncode == 2
    assert "no repository id" in done.stderr
