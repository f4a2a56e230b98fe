"""The tests' own Hub, by the Hub's own client: what these tests rest on."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.hub.client import ROOT, run_python, succeed

HERE = ROOT / "tests" / "hub"


@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_the_clients_whole_protocol(hub, tmp_path, kind):
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.txt").write_text("small")
    (folder / "empty.txt").write_text("")
    (folder / "big.bin").write_text("first content")  # by its ending, large
    got = json.loads(succeed(run_python(hub, tmp_path / "home", HERE / "speak_protocol.py", folder, kind)))
    errors = got.pop("errors")
    assert got == {
        "whoami": "tester",
        "url": f"{hub.url}/{'datasets/' * (kind == 'dataset')}tester/{kind}",
        "nothing new, no commit": True,
        "contents": {
            "main": "second",
            "v/1": "first content",
            "trial": "third",
            next(name for name in got["contents"] if len(name) == 40): "first content",
        },
        "text": "small",
        "files": {"main": ["big.bin", "empty.txt", "sub/a.txt"], "trial": ["big.bin", "empty.txt"]},
        "top": ["big.bin", "empty.txt", "sub"],
        "refs": [["main", "trial"], ["v/1"]],
        "titles": ["Upload big.bin with huggingface_hub", "Upload folder using huggingface_hub", "initial commit"],
        "snapshot": ["a.txt", "big.bin", "empty.txt"],
        "verified": [3, [], [], []],
        "range": "con",
    }
    assert errors == {
        "no entry": ["RemoteEntryNotFoundError", 404],
        "no revision": ["RevisionNotFoundError", 404],
        "no repository": ["RepositoryNotFoundError", 404],
        "private, no token": ["RepositoryNotFoundError", 401],
        "wrong token": ["HfHubHTTPError", 401],
        "somebody else's name": ["HfHubHTTPError", 403],
        "reading token": ["HfHubHTTPError", 403],
        "there already": ["HfHubHTTPError", 409],
        "moved on": ["HfHubHTTPError", 412],
    }


@pytest.mark.slow
def test_load_dataset_streams_from_it(hub, tmp_path):
    """Parquet by ranges, as the data sets of this project are read."""
    folder = tmp_path / "set"
    (folder / "data").mkdir(parents=True)
    table = pa.table({"ecg_id": ["a", "b", "c"], "signal": [[1, 2], [3, 4], [5, 6]]})
    pq.write_table(table, folder / "data" / "train-00000-of-00001.parquet")
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/train-*.parquet\n---\n"
    )
    code = (
        "import datasets, huggingface_hub, json, sys\n"
        "api = huggingface_hub.HfApi()\n"
        "api.create_repo('tester/set', repo_type='dataset')\n"
        "api.upload_folder(repo_id='tester/set', repo_type='dataset', folder_path=sys.argv[1])\n"
        "rows = datasets.load_dataset('tester/set', split='train', streaming=True)\n"
        "whole = datasets.load_dataset('tester/set', split='train')\n"
        "print(json.dumps([[row['ecg_id'] for row in rows], whole['signal'][:]]))\n"
    )
    got = succeed(run_python(hub, tmp_path / "home", "-c", code, folder))
    assert json.loads(got.splitlines()[-1]) == [["a", "b", "c"], [[1, 2], [3, 4], [5, 6]]]
