"""An index in place of a data set's signals: what it holds, and what it finds."""

from __future__ import annotations

import json
import shutil
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from dataset_scripts import build as build_module
from dataset_scripts import rebuild as rebuild_module
from dataset_scripts.build import build
from dataset_scripts.build_options import BuildOptions
from dataset_scripts.rebuild import rebuild, rebuild_part
from dataset_scripts.record import EcgInputError
from dataset_scripts.signal_index import check_against_index, is_index, read_plan, write_index

OPTIONS = BuildOptions(seed=3, cleaning="paper", tasks=("rate",), splits="80-10-10", source_options={"num_records": 60})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of three splits and several shards; not to be changed."""
    out = tmp_path_factory.mktemp("whole") / "set"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build_module, "SHARD_ROWS", 16)
        build("synthetic", None, out, num_proc=1, options=OPTIONS)
    return out


@pytest.fixture(scope="module")
def index(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("index") / "index"
    write_index(whole, out)
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def edit(folder: Path, split: str, change) -> None:
    """Writes the first shard of a split anew, its rows changed."""
    path = sorted((folder / "data").glob(f"{split}-*"))[0]
    table = pq.read_table(path)
    rows = change(table.to_pylist())
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)


@pytest.fixture
def changed(whole: Path, tmp_path: Path) -> Path:
    """A copy, for a test to change."""
    return Path(shutil.copytree(whole, tmp_path / "changed"))


def test_an_index_is_the_data_set_without_signals(whole: Path, index: Path, tmp_path: Path):
    rows = load_dataset(str(whole), cache_dir=str(tmp_path / "cache"))
    entries = load_dataset(str(index), cache_dir=str(tmp_path / "cache"))
    assert list(entries) == list(rows)
    for split in rows:
        assert entries[split].column_names == [
            "signal_digest" if name == "signal" else name for name in rows[split].column_names
        ]
        same = [name for name in rows[split].column_names if name != "signal"]
        assert entries[split].select_columns(same)[:] == rows[split].select_columns(same)[:]
    digests = [digest for split in entries for digest in entries[split]["signal_digest"]]
    assert len(set(digests)) == len(digests)
    assert {len(digest) for digest in digests} == {32}
    assert is_index(read_plan(index))
    assert not is_index(read_plan(whole))
    size = sum(len(data) for data in contents(index).values())
    assert size < sum(len(data) for data in contents(whole).values()) / 4
    card = (index / "README.md").read_text()
    assert "`meit build synthetic --src ARCHIVE" in card
    assert "| `signal` |" not in card
    assert "| `signal_digest` | blake2b" in card
    with pytest.raises(EcgInputError, match="is an index already"):
        write_index(index, tmp_path / "again")


def test_the_same_data_set_gives_the_same_bytes(whole: Path, index: Path, tmp_path: Path):
    write_index(whole, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(index)


def test_a_data_set_agrees_with_its_index(whole: Path, index: Path):
    match = check_against_index(whole, index)
    shards = len(list((whole / "data").iterdir()))
    assert shards > 3
    assert (match.rows, match.shards, match.same_bytes) == (sum(read_plan(whole)["rows"].values()), shards, shards)


def test_whatever_differs_is_found_and_named(index: Path, changed: Path):
    def refused(match: str) -> None:
        with pytest.raises(EcgInputError, match=match):
            check_against_index(changed, index)

    first = pq.read_table(sorted((changed / "data").glob("train-*"))[0], columns=["ecg_id"])["ecg_id"].to_pylist()
    backup = contents(changed)

    def one_sample(rows):
        rows[2]["signal"][11][999] += 1
        return rows

    edit(changed, "train", one_sample)
    refused(f"is not the data set of the index: record {first[2]} has another signal;")

    def texts(rows):
        for row in rows[:9]:
            row["report"], row["questions"] = "another", []
        return rows

    edit(changed, "train", texts)
    refused(rf"record {first[0]} has another report, questions; record {first[1]} .*record {first[4]} [^;]*; \.\.\.;")
    for name, data in backup.items():
        (changed / name).write_bytes(data)
    edit(changed, "train", lambda rows: rows[1:])
    refused(f"index: {first[1]} stands where the index has {first[0]};")
    for name, data in backup.items():
        (changed / name).write_bytes(data)
    edit(changed, "test", lambda rows: rows[:-1])
    refused("index: no further record stands where the index has")
    plan = json.loads((changed / "build.json").read_text())
    (changed / "build.json").write_text(json.dumps({**plan, "options": {**plan["options"], "seed": 4}}))
    refused("was built with another options than the index")
    with pytest.raises(EcgInputError, match="expected an index beside a whole data set"):
        check_against_index(index, changed)


def test_a_missing_value_is_equal_to_itself(whole: Path, tmp_path: Path):
    folder = Path(shutil.copytree(whole, tmp_path / "set"))

    def unmeasured(rows):
        rows[0]["measurements"] = [{"name": "qt_interval_ms", "value": float("nan")}]
        return rows

    edit(folder, "train", unmeasured)
    write_index(folder, tmp_path / "index")
    check_against_index(folder, tmp_path / "index")


def test_memory_does_not_grow_with_the_rows(whole: Path, tmp_path: Path):
    def peak(copies: int) -> int:
        folder = tmp_path / f"times-{copies}"
        shutil.copytree(whole, folder)
        notes = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(notes * copies))
        index = tmp_path / f"index-{copies}"
        write_index(folder, index)
        tracemalloc.start()
        check_against_index(folder, index)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    assert peak(6) < 1.3 * peak(1)


def test_the_data_set_is_rebuilt_with_the_options_of_the_index(tmp_path: Path):
    build("synthetic", None, tmp_path / "set", num_proc=1, options=OPTIONS)
    write_index(tmp_path / "set", tmp_path / "index")
    result, match = rebuild("synthetic", None, tmp_path / "again", tmp_path / "index", num_proc=1)
    assert contents(tmp_path / "again") == contents(tmp_path / "set")
    assert match.rows == sum(result.rows.values())
    assert match.same_bytes == match.shards
    part = rebuild_part("synthetic", None, tmp_path / "parts", tmp_path / "index", (1, 1), num_proc=1)
    assert part.missing == 0
    rebuild("synthetic", None, tmp_path / "parts", tmp_path / "index", num_proc=1)
    assert contents(tmp_path / "parts") == contents(tmp_path / "set")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "index", "parts", "set"]


def test_what_is_rebuilt_and_differs_does_not_get_the_name(index: Path, tmp_path: Path):
    wrong = Path(shutil.copytree(index, tmp_path / "wrong"))

    def other(rows):
        rows[0]["signal_digest"] = "0" * 32
        return rows

    edit(wrong, "validation", other)
    (tmp_path / "out").mkdir()
    with pytest.raises(
        EcgInputError, match=r"out\.unverified is not the data set of the index: record .* another signal"
    ):
        rebuild("synthetic", None, tmp_path / "out", wrong, num_proc=1)
    assert not any((tmp_path / "out").iterdir())
    assert (tmp_path / "out.unverified" / "build.json").is_file()


def test_an_index_that_cannot_be_rebuilt_is_refused_at_once(
    whole: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refused(match: str, source: str = "synthetic", index: Path = index) -> None:
        with pytest.raises(EcgInputError, match=match):
            rebuild(source, None, tmp_path / "out", index)

    refused("the index is of synthetic, not of ptb-xl", source="ptb-xl")
    refused("is a data set with its signals", index=whole)
    refused("is no finished data set", index=tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("precious")
    refused("is not empty and no data set")
    monkeypatch.setattr(rebuild_module, "SCHEMA_VERSION", "0")
    refused("the index was made with schema .* and this version has 0")
    assert not (tmp_path / "out.unverified").exists()
