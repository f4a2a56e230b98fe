"""`meit publish dataset` against the local Hub: several archives in one repository, with and without their signals."""

import csv
import hashlib
import json
import re
import shutil
from contextlib import contextmanager

import numpy as np
import pyarrow.parquet as pq
import pytest
import wfdb
import yaml

from dataset_scripts import build as build_module
from dataset_scripts.build import build
from tests.dataset_scripts.fake_ptbxl import microvolts
from tests.hub.client import ROOT, run_python, succeed
from tests.hub.hub_routes import REPO, ROUTES, create
from tests.hub.hub_store import HubError

HERE = ROOT / "tests" / "hub"
MIMIC, PTBXL = "mimic-iv-ecg", "ptb-xl"


@pytest.fixture(scope="module")
def in_small_shards(archives, tmp_path_factory):
    """PTB-XL in shards of six rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build_module, "SHARD_ROWS", 6)
        out = tmp_path_factory.mktemp("small") / PTBXL
        build(PTBXL, archives[PTBXL], out, num_proc=1)
    return out


def meit(hub, tmp_path, *arguments, **options):
    return run_python(hub, tmp_path / "home", "-m", "meit_cli", *arguments, **options)


def published(hub, tmp_path, *arguments, **options):
    done = meit(hub, tmp_path, "publish", "dataset", *arguments, **options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def refused(hub, tmp_path, *arguments, **options):
    done = meit(hub, tmp_path, "publish", "dataset", *arguments, **options)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith("meit: error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def files(hub, repo_id, revision="main"):
    return hub.files(repo_id, revision, "datasets")


@contextmanager
def answered_by(method, pattern, function):
    """Lets another function answer a request."""
    ROUTES.insert(0, (method, re.compile(pattern), function))
    try:
        yield
    finally:
        ROUTES.pop(0)


def header_and_body(card):
    _, header, body = card.decode().split("---\n", 2)
    return yaml.safe_load(header), body


@pytest.mark.slow
def test_two_archives_in_one_repository(hub, built, in_small_shards, tmp_path):
    printed = published(hub, tmp_path, in_small_shards, "tester/ecg")
    head = hub.store.repos["datasets", "tester/ecg"].branches["main"]
    assert printed.splitlines()[-2:] == [f"{hub.url}/datasets/tester/ecg", f"commit {head.oid}"]
    first = files(hub, "tester/ecg")
    printed = published(hub, tmp_path, built / MIMIC, "tester/ecg")
    assert "an index was published in place of the signals" in printed
    both = files(hub, "tester/ecg")
    history = hub.store.repos["datasets", "tester/ecg"].branches["main"].history()
    assert [commit.title for commit in history] == [
        "Publish mimic-iv-ecg with meit-ecg",
        "Publish ptb-xl with meit-ecg",
        "initial commit",
    ]

    # One configuration leaves the other's files as they are, and a configuration is a data set's folder.
    ours = {str(path.relative_to(in_small_shards)): path.read_bytes() for path in in_small_shards.rglob("*.*")}
    assert {path.removeprefix("ptb-xl/"): data for path, data in first.items() if path.startswith("ptb-xl/")} == ours
    assert {path for path in first if "/" not in path} == {"README.md", "croissant.json"}
    assert all(both[path] == data for path, data in first.items() if "/" in path)
    assert not any(b"signal.list" in data for path, data in both.items() if path.startswith(MIMIC))

    header, body = header_and_body(both["README.md"])
    assert header["license"] == ["cc-by-4.0", "odbl"]
    assert [entry["config_name"] for entry in header["configs"]] == [MIMIC, PTBXL]
    assert [entry["config_name"] for entry in header["dataset_info"]] == [MIMIC, PTBXL]
    assert {"de", "en"} <= set(header["language"])
    assert "ecg" in header["tags"]
    rows = json.loads(both[f"{PTBXL}/build.json"])["rows"]
    assert f"| {rows['train']} | {rows['validation']} | {rows['test']} |" in body
    for needed in (
        'load_dataset("tester/ecg", "mimic-iv-ecg")',
        "| index | odbl |",
        "| yes | cc-by-4.0 |",
        "--index tester/ecg:mimic-iv-ecg",
        "trace only requested",
        "@article{wagner2020ptbxl",
        "@misc{gow2023mimicivecg",
        "not for diagnosis",
    ):
        assert needed in body, needed

    # In a fresh process: whole, streaming, and going on at the row where a stream was cut.
    home = tmp_path / "other-home"
    code = succeed(run_python(hub, home, HERE / "load_configs.py", "tester/ecg", "main", PTBXL, MIMIC, token=None))
    got = json.loads(code.splitlines()[-1])
    assert sorted(got["configs"]) == [MIMIC, PTBXL]
    for name, folder in ((PTBXL, in_small_shards), (MIMIC, built / MIMIC)):
        loaded = got["loaded"][name]
        for split, ids in loaded["rows"].items():
            shards = sorted((folder / "data").glob(f"{split}-*"))
            assert ids == [
                i for shard in shards for i in pq.read_table(shard, columns=["ecg_id"])["ecg_id"].to_pylist()
            ]
        assert loaded["rows"].keys() == json.loads((folder / "build.json").read_text())["rows"].keys()
        assert all(loaded["streamed as loaded"].values())
        assert sorted(loaded["shuffled"]) == sorted(loaded["rows"]["train"])
        assert loaded["before the cut"] + loaded["after the cut"] == loaded["shuffled"]
    assert got["loaded"][PTBXL]["shuffled"] != got["loaded"][PTBXL]["rows"]["train"]
    for ecg_id, digest in got["loaded"][PTBXL]["signals"].items():
        signal = np.ascontiguousarray(microvolts(int(ecg_id), 100).T)
        assert digest == hashlib.sha256(signal.tobytes()).hexdigest()
    columns = got["loaded"][MIMIC]["columns"]
    assert "signal_digest" in columns
    assert "signal" not in columns

    # The same again: no commit.
    before = hub.store.repos["datasets", "tester/ecg"].branches["main"]
    for folder in (built / MIMIC, in_small_shards):
        assert "no new commit" in published(hub, tmp_path, folder, "tester/ecg")
    assert hub.store.repos["datasets", "tester/ecg"].branches["main"] == before

    # A new build replaces the shards of its own configuration only.
    printed = published(hub, tmp_path, built / PTBXL, "tester/ecg")
    assert "removed from the branch, as ptb-xl no longer has them: ptb-xl/data/train-00000-of-0000" in printed
    after = files(hub, "tester/ecg")
    shards = {path for path in after if path.startswith("ptb-xl/data/")}
    assert shards == {f"ptb-xl/data/{path.name}" for path in (built / PTBXL / "data").iterdir()}
    assert {path: data for path, data in after.items() if path.startswith(MIMIC)} == {
        path: data for path, data in both.items() if path.startswith(MIMIC)
    }


@pytest.mark.slow
def test_an_index_rebuilds_the_data_set(hub, archives, built, tmp_path):
    published(hub, tmp_path, built / PTBXL, "tester/indexed", "--config", "other")
    published(hub, tmp_path, built / MIMIC, "tester/indexed")
    out = tmp_path / "rebuilt"
    command = ("build", MIMIC, "--src", archives[MIMIC], "--out", out, "--num-proc", "1")
    printed = succeed(meit(hub, tmp_path, *command, "--index", "tester/indexed:mimic-iv-ecg"))
    rows = sum(json.loads((built / MIMIC / "build.json").read_text())["rows"].values())
    assert f"all {rows} rows are those of the index" in printed
    original = {str(path.relative_to(built / MIMIC)): path.read_bytes() for path in (built / MIMIC).rglob("*.*")}
    assert {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.*")} == original
    assert [path.name for path in tmp_path.iterdir() if "rebuilt" in path.name] == ["rebuilt"]

    # The configuration of the source's name is meant where none is named; options are the index's to decide.
    failed = meit(hub, tmp_path, *command, "--index", "tester/indexed", "--seed", "3")
    assert "--seed is for the index to decide" in failed.stderr
    failed = meit(hub, tmp_path, *command, "--index", "tester/indexed:nothing")
    assert "it has mimic-iv-ecg, other" in failed.stderr
    failed = meit(hub, tmp_path, *command, "--index", "tester/indexed:other")
    assert "is a data set with its signals" in failed.stderr
    failed = meit(hub, tmp_path, *command, "--index", "tester/missing")
    assert "no data set tester/missing on the Hub" in failed.stderr

    # Another archive: the first records that differ are named, and nothing gets the name.
    changed = tmp_path / "changed"
    shutil.copytree(archives[MIMIC], changed)
    with (changed / "record_list.csv").open() as table:
        record = next(csv.DictReader(table))
    path = changed / record["path"]
    samples = wfdb.rdrecord(str(path), physical=False)
    samples.d_signal[30, 4] += 40
    samples.wrsamp(write_dir=str(path.parent))
    failed = meit(
        hub, tmp_path, "build", MIMIC, "--src", changed, "--out", tmp_path / "wrong", "--num-proc", "1",
        "--index", "tester/indexed",
    )  # fmt: skip
    assert failed.returncode == 2
    assert "is not the data set of the index" in failed.stderr
    assert f"record {record['study_id']} has another signal" in failed.stderr
    assert not (tmp_path / "wrong").exists()
    assert (tmp_path / "wrong.unverified" / "build.json").is_file()


def test_a_persons_card_is_kept(hub, built, tmp_path):
    published(hub, tmp_path, built / PTBXL, "tester/mine", "--config", "one")
    repo = hub.store.repos["datasets", "tester/mine"]
    card = (
        "---\nlicense: cc-by-4.0\ntags:\n- mine\ngated: auto\nconfigs:\n- config_name: notes\n  data_files: notes.csv\n"
        "---\n\n# Mine\n\nBy hand.\n"
    )
    there = dict(repo.branches["main"].files)
    there["README.md"] = hub.store.stored("README.md", card.encode(), lfs=False)
    repo.commit("main", "By hand", there)
    printed = published(hub, tmp_path, built / MIMIC, "tester/mine")
    assert "was written by a person and is kept" in printed
    assert "does not state the licence odbl" in printed
    header, body = header_and_body(files(hub, "tester/mine")["README.md"])
    assert body == "\n# Mine\n\nBy hand.\n"
    assert (header["license"], header["tags"], header["gated"]) == ("cc-by-4.0", ["mine"], "auto")
    assert [entry["config_name"] for entry in header["configs"]] == ["notes", MIMIC, "one"]
    assert [entry["config_name"] for entry in header["dataset_info"]] == [MIMIC, "one"]
    assert "no new commit" in published(hub, tmp_path, built / MIMIC, "tester/mine")


@pytest.mark.slow
def test_branch_privacy_and_signals_on_demand(hub, built, tmp_path):
    published(hub, tmp_path, built / PTBXL, "tester/hidden", "--private", "--index-only")
    assert hub.store.repos["datasets", "tester/hidden"].private
    main = files(hub, "tester/hidden")
    printed = published(hub, tmp_path, built / MIMIC, "tester/hidden", "--revision", "next", "--signals")
    assert "odbl allows that under this same licence only (share-alike)" in printed
    assert files(hub, "tester/hidden") == main
    branch = files(hub, "tester/hidden", "next")
    assert {path.split("/")[0] for path in branch} == {PTBXL, MIMIC, "README.md", "croissant.json"}
    shard = next((built / MIMIC / "data").iterdir())
    assert branch[f"{MIMIC}/data/{shard.name}"] == shard.read_bytes()
    _, body = header_and_body(branch["README.md"])
    assert "| index | cc-by-4.0 |" in body
    assert "| yes | odbl |" in body
    loaded = run_python(hub, tmp_path / "home", HERE / "load_configs.py", "tester/hidden", "next", MIMIC)
    assert "signal" in json.loads(succeed(loaded).splitlines()[-1])["loaded"][MIMIC]["columns"]
    published(hub, tmp_path, built / PTBXL, "tester/open")
    assert "exists and is public" in refused(hub, tmp_path, built / MIMIC, "tester/open", "--private")


def test_a_publication_that_was_cut_does_not_send_its_shards_again(hub, in_small_shards, tmp_path):
    def overloaded(request, kind, repo_id, branch):
        raise HubError(504, "Gateway Time-out")

    with answered_by("POST", REPO + "/commit/([^/]+)", overloaded):
        message = refused(hub, tmp_path, in_small_shards, "tester/cut")
    assert "(504: Gateway Time-out): try again later" in message
    shards = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (in_small_shards / "data").iterdir()}
    assert len(shards) > 3
    assert shards <= set(hub.store.objects)
    sent = len(hub.requests)
    published(hub, tmp_path, in_small_shards, "tester/cut")
    assert not [path for method, path in hub.requests[sent:] if method == "PUT"]


def test_somebody_else_writes_at_the_same_time(hub, built, tmp_path):
    """The repository's card was completed from what it held before; theirs must not be lost."""
    published(hub, tmp_path, built / PTBXL, "tester/shared", "--index-only")
    repo = hub.store.repos["datasets", "tester/shared"]

    def after_another(request):
        repo.commit("main", "theirs", dict(repo.branches["main"].files))
        create(request)

    with answered_by("POST", "/api/repos/create", after_another):
        message = refused(hub, tmp_path, built / PTBXL, "tester/shared", "--config", "more", "--index-only")
    assert "somebody else wrote to tester/shared meanwhile" in message
    assert repo.branches["main"].title == "theirs"


def test_refusals_of_the_hub_are_one_line(hub, built, tmp_path):
    repos = set(hub.store.repos)
    assert "cannot be reached" in refused("http://127.0.0.1:9", tmp_path, built / PTBXL, "tester/no")
    assert "may not write" in refused(hub, tmp_path, built / PTBXL, "tester/no", token="hf_reader")
    assert set(hub.store.repos) == repos
    published(hub, tmp_path, built / PTBXL, "tester/taken", "--index-only")
    there = hub.store.repos["datasets", "tester/taken"]
    there.commit("main", "Mine", {**there.branches["main"].files, "own/x.csv": hub.store.stored("x", b"1", lfs=False)})
    message = refused(hub, tmp_path, built / PTBXL, "tester/taken", "--config", "own")
    assert "a folder own that `meit publish` did not write" in message
    hub.store.damage = f"{PTBXL}/data/{sorted((built / PTBXL / 'data').iterdir())[0].name}"
    assert "does not hold what was sent" in refused(hub, tmp_path, built / PTBXL, "tester/taken")


def test_the_guide_names_what_the_command_takes(hub, tmp_path):
    guide = (ROOT / "docs" / "publishing.md").read_text()
    part = guide[guide.index("# Publishing a data set") : guide.index("# Publishing the page")]
    printed = meit(hub, tmp_path, "publish", "dataset", "--help").stdout
    printed += meit(hub, tmp_path, "build", "--help").stdout
    options = set(re.findall(r"--[a-z][a-z-]+", part))
    assert {"--config", "--private", "--revision", "--signals", "--index-only", "--index"} <= options
    for option in options:
        assert option in printed, option
    for block in re.findall(r"```python\n(.*?)```", part, re.S):
        compile(block, "publishing.md", "exec")
