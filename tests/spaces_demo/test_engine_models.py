"""Which models may be opened: the operator's list and nothing else, each pinned, a few in memory."""

from __future__ import annotations

import gc
import json
import logging
import shutil
import weakref

import pytest

from checkpoints import DEFAULT, shipped
from dataset_scripts.errors import EcgInputError
from eval_suite import report_model
from spaces_demo.engine import resident_models
from spaces_demo.engine.engine import ReportEngine
from spaces_demo.engine.models import ModelEntry, read_models
from spaces_demo.engine.resident_models import ResidentModels
from tests.spaces_demo.tiny_engine import ask, last
from tests.tiny import save_tiny_model_folder

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny_model_folder(tmp_path_factory.mktemp("model") / "tiny", num_ecg_tokens=2)


@pytest.fixture
def opened(monkeypatch):
    """Every model that is opened, in order."""
    calls = []

    class Counting(report_model.ReportModel):
        def __init__(self, model, **how):
            calls.append((str(model), how))
            super().__init__(model, **how)

    monkeypatch.setattr(resident_models, "ReportModel", Counting)
    return calls


def listed(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_without_a_list_it_is_the_shipped_model():
    (entry,) = read_models(None)
    assert (entry.name, entry.source, entry.revision) == (DEFAULT, DEFAULT, None)
    assert shipped(entry.source).is_dir()


def test_a_list(tmp_path, folder, monkeypatch):
    monkeypatch.chdir(folder)  # folders are looked for beside the file, wherever the server is started
    shutil.copytree(folder, tmp_path / "runs" / "small")
    path = listed(
        tmp_path / "models.json",
        [
            {"name": "Small, ours", "source": "runs/small", "description": "Trained here."},
            {"name": "shipped", "source": DEFAULT},
            {"name": "from the Hub", "source": "some/model", "revision": COMMIT},
            {"name": "absolute", "source": str(folder), "revision": None},
        ],
    )
    small, there, hub, absolute = read_models(path)
    assert small == ModelEntry("Small, ours", str(tmp_path / "runs" / "small"), None, "Trained here.")
    assert there.source == DEFAULT
    assert (hub.from_hub, small.from_hub, absolute.from_hub) == (True, False, False)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "models.json is no JSON file"),
        ({"name": "a"}, "expected a list of at least one model"),
        ([], "expected a list of at least one model"),
        (["a"], "entry 1: expected an object with name and source"),
        ([{"name": "a"}], "entry 1: the field source is missing"),
        ([{"name": "", "source": DEFAULT}], "entry 1: the field name is missing"),
        ([{"name": "a", "source": DEFAULT, "url": "x"}], "entry 1: unknown field 'url', expected name, source"),
        ([{"name": "a", "source": 3}], "entry 1: source is 3, expected a text"),
        ([{"name": "a\nb", "source": DEFAULT}], "expected a name of 1 to 80 printable characters"),
        ([{"name": "a" * 81, "source": DEFAULT}], "expected a name of 1 to 80 printable characters"),
        ([{"name": "a", "source": DEFAULT}, {"name": "a", "source": DEFAULT}], "entry 2 is called 'a' like entry 1"),
        ([{"name": "a", "source": DEFAULT, "revision": COMMIT}], "lies on this machine and has no revision"),
        ([{"name": "a", "source": "no/such/folder"}], "entry 1: 'a': there is no model folder no/such/folder"),
        ([{"name": "a", "source": "some/model"}], "revision of the Hub id some/model is None, expected the 40 hex"),
        ([{"name": "a", "source": "some/model", "revision": "main"}], "is 'main', expected the 40 hexadecimal"),
        ([{"name": "a", "source": "some/model", "revision": COMMIT[:39]}], "expected the 40 hexadecimal"),
        ([{"name": "a", "source": "../model", "revision": COMMIT}], "neither the name of a shipped model"),
    ],
)
def test_a_bad_list_is_refused_with_file_and_entry(tmp_path, content, said):
    if isinstance(content, list):  # one more, so that "entry 1" is not the only number there is
        content = [*content, {"name": "z", "source": DEFAULT}] if content else content
    with pytest.raises(EcgInputError, match=r"models\.json") as problem:
        read_models(listed(tmp_path / "models.json", content))
    assert said in str(problem.value)


def test_a_folder_without_a_model_and_no_file_at_all(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(EcgInputError, match=r"has no config\.json and no adapter_config\.json"):
        read_models(listed(tmp_path / "models.json", [{"name": "a", "source": "empty"}]))
    with pytest.raises(EcgInputError, match="cannot be read: No such file"):
        read_models(tmp_path / "none.json")


def test_what_is_not_listed_is_refused_and_nothing_is_loaded(folder, opened):
    engine = ReportEngine([ModelEntry("tiny", str(folder))])
    try:
        for name in ("other", str(folder), "some/model", DEFAULT, "../tiny", ""):
            with pytest.raises(EcgInputError, match=r"there is no model '.*' here, expected one of tiny"):
                ask(engine, 0, model=name)
        assert opened == []
        assert engine.statistics()["loaded"] == []
        last(ask(engine, 0))
        last(ask(engine, 1))
        assert opened == [(str(folder), {"revision": None})]
    finally:
        engine.close()


def test_entries_that_are_made_by_hand_are_checked_too(folder):
    for entry in (ModelEntry("a", "some/model"), ModelEntry("a", "some/model", "v1.0"), ModelEntry("a", "/no/folder")):
        with pytest.raises(EcgInputError):
            ReportEngine([entry])
    with pytest.raises(EcgInputError, match="models: 0, expected 1 or more"):
        ReportEngine([])
    engine = ReportEngine([ModelEntry("tiny", str(folder))])
    try:
        with pytest.raises(EcgInputError, match="40 hexadecimal"):
            engine.add_model(ModelEntry("b", "some/model"))
        with pytest.raises(EcgInputError, match="'tiny' like entry 1"):
            engine.add_model(ModelEntry("tiny", DEFAULT))
        engine.add_model(ModelEntry("tiny", str(folder)))
        engine.add_model(ModelEntry("again", str(folder)))
        assert engine.names == ("tiny", "again")
        assert last(ask(engine, 0, model="again")).text == last(ask(engine, 0)).text
    finally:
        engine.close()


def test_a_hub_id_is_fetched_at_its_commit(folder, monkeypatch):
    fetched = []

    def snapshot(model, revision=None):
        fetched.append((model, revision))
        return str(folder)

    monkeypatch.setattr(report_model, "snapshot_download", snapshot)
    engine = ReportEngine([ModelEntry("hub", "some/model", COMMIT)])
    try:
        assert fetched == []
        assert last(ask(engine, 0)).model == "hub"
        assert fetched == [("some/model", COMMIT)]
    finally:
        engine.close()


def test_an_adapter_of_a_hub_model_needs_that_models_commit(tmp_path, folder, monkeypatch):
    fetched = []
    adapter = tmp_path / "adapter"
    adapter.mkdir()

    def snapshot(model, revision=None):
        fetched.append((model, revision))
        return str(adapter if model == "some/adapter" else folder)

    monkeypatch.setattr(report_model, "snapshot_download", snapshot)
    for revision in (None, "main"):
        fields = {"base_model_name_or_path": "some/base", "revision": revision}
        (adapter / "adapter_config.json").write_text(json.dumps(fields))
        with pytest.raises(EcgInputError, match="some/adapter belongs to some/base, of which it names no commit"):
            report_model.ReportModel("some/adapter", revision=COMMIT)
    (adapter / "adapter_config.json").write_text(json.dumps({**fields, "revision": COMMIT[::-1]}))
    report_model.ReportModel("some/adapter", revision=COMMIT)
    assert fetched[-2:] == [("some/adapter", COMMIT), ("some/base", COMMIT[::-1])]


@pytest.mark.parametrize("file", ["config.json", "processor_config.json"])
def test_code_of_another_repository_is_not_fetched(tmp_path, folder, file, caplog):
    copy = shutil.copytree(folder, tmp_path / "model")
    fields = json.loads((copy / file).read_text())
    places = fields["auto_map"] if file == "config.json" else fields["feature_extractor"]["auto_map"]
    places[next(iter(places))] = "else/where--modeling.Evil"
    (copy / file).write_text(json.dumps(fields))
    engine = ReportEngine([ModelEntry("tiny", str(copy))])
    try:
        with caplog.at_level(logging.ERROR), pytest.raises(EcgInputError, match="tiny cannot be opened") as problem:
            last(ask(engine, 0))
        assert "else/where--modeling.Evil of another repository" in caplog.text
        assert str(tmp_path) not in str(problem.value), "a visitor need not know where it lies"
        with pytest.raises(EcgInputError, match=r"else/where--modeling\.Evil of another repository"):
            engine.warm_up()
    finally:
        engine.close()


def test_the_least_recently_used_model_goes(tmp_path, folder, opened):
    entries = [ModelEntry(name, str(shutil.copytree(folder, tmp_path / name))) for name in "abc"]
    engine = ReportEngine(entries, resident_models=2)
    try:
        last(ask(engine, 0, model="a"))
        network = weakref.ref(engine._residents.get(entries[0]).model)
        for name in "babc":
            last(ask(engine, 0, model=name))
        assert engine.statistics()["loaded"] == ["b", "c"]
        gc.collect()
        assert network() is None, "its memory is free"
        last(ask(engine, 0, model="b"))
        last(ask(engine, 0, model="a"))
        assert [name.rpartition("/")[2] for name, _ in opened] == ["a", "b", "c", "a"]
        assert engine.statistics()["loaded"] == ["b", "a"]
    finally:
        engine.close()


def test_room_is_made_before_a_model_is_opened(tmp_path, folder, monkeypatch):
    residents = ResidentModels(1)
    residents.get(ModelEntry("a", str(folder)))
    seen = []
    monkeypatch.setattr(resident_models, "_opened", lambda entry: seen.append(residents.names))
    residents.get(ModelEntry("b", str(folder)))
    assert seen == [[]]


def test_warm_up_opens_the_first_model(folder):
    engine = ReportEngine([ModelEntry("tiny", str(folder)), ModelEntry("other", DEFAULT)])
    try:
        engine.warm_up()
        assert engine.statistics()["loaded"] == ["tiny"]
    finally:
        engine.close()
