"""Settings, log and private folder of the demo, without a server."""

import io
import json
import logging
import os
import re
import shutil
import threading
import warnings

import gradio as gr
import pytest

from dataset_scripts.errors import EcgInputError
from spaces_demo.service import private_folder
from spaces_demo.service.api import Api
from spaces_demo.service.asked import check_types
from spaces_demo.service.demo import Demo
from spaces_demo.service.headers import security_headers
from spaces_demo.service.logs import ServiceLog, as_lines
from spaces_demo.service.private_folder import close_private_folder, is_inside, open_private_folder
from spaces_demo.service.settings import Settings, is_loopback
from spaces_demo.service.uploads import make_room


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]"])
def test_this_machine_only(host):
    assert is_loopback(host)
    assert Settings(host=host, allow_any_model=True).checked().allow_any_model


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "[::]", "", "192.168.1.4", "10.0.0.1", "example.org", "localhost.example.org", "0"]
)
def test_any_model_is_refused_where_others_reach_it(host):
    assert not is_loopback(host)
    with pytest.raises(EcgInputError, match="--allow-any-model on the host") as refused:
        Settings(host=host, allow_any_model=True).checked()
    assert "\n" not in str(refused.value)
    assert Settings(host=host).checked().host == host


def test_any_model_is_refused_behind_a_proxy():
    with pytest.raises(EcgInputError, match="--allow-any-model behind a proxy"):
        Settings(allow_any_model=True, root_path="/ecg").checked()
    assert [Settings(host=host).local for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0")] == [True] * 3 + [False]
    assert not Settings(root_path="/ecg").checked().local


@pytest.mark.parametrize("wrong", [{"models": ()}, {"port": 70000}, {"max_batch": 0}, {"max_waiting": 0}])
def test_settings_out_of_range(wrong):
    with pytest.raises(EcgInputError, match="expected"):
        Settings(**wrong).checked()


def test_log_takes_no_other_field():
    stream = io.StringIO()
    log = ServiceLog(stream)
    log.write("read", seconds=0.12345, format="EDF", model=None, bytes=12)
    line = json.loads(stream.getvalue())
    assert line.pop("time")
    assert line == {"event": "read", "seconds": 0.123, "format": "EDF", "bytes": 12}
    with pytest.raises(KeyError):
        log.write("read", report="sinus rhythm")


def test_a_model_that_the_operator_did_not_name_is_not_logged():
    stream = io.StringIO()
    log = ServiceLog(stream, models=["small"])
    for model in ("small", "said by a visitor"):
        log.write("read", model=model)
    assert [json.loads(line)["model"] for line in stream.getvalue().splitlines()] == ["small", "other"]


def test_what_python_logs_becomes_a_line_of_json():
    stream = io.StringIO()
    library, ours = logging.getLogger("some.library"), logging.getLogger("spaces_demo.engine.test")
    with as_lines(ServiceLog(stream, models=["small"])):
        library.warning("quotes %r", "said by a visitor")
        try:
            raise ValueError("said by a visitor")
        except ValueError:
            library.exception("and a trace")
        ours.error("a batch of %d failed:\nTypeError", 3)
        for model in ("small", "said by a visitor"):
            ours.error("a model cannot be opened: %s", model, extra={"model": model})
        warnings.warn("said by a visitor", stacklevel=1)
    library.error("not ours any more")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert "visitor" not in stream.getvalue()
    assert len(lines) == 6
    assert all(line.pop("time") and line.pop("event") == "message" for line in lines)
    assert re.fullmatch(r"some\.library:\d+", lines[0]["where"])
    assert lines[1]["where"].startswith("ValueError < test_service_settings.py:")
    assert lines[2]["message"] == "a batch of 3 failed: TypeError"
    assert [lines[3]["model"], lines[3]["message"]] == ["small", "a model cannot be opened: small"]
    assert (lines[4]["model"], "message" in lines[4]) == ("other", False)


def test_the_oldest_uploads_go_where_there_are_too_many(tmp_path):
    for number in range(4):
        own = tmp_path / f"{number:032x}" / "abc"
        own.mkdir(parents=True)
        (own / "a.edf").write_bytes(bytes(100))
        os.utime(own.parent, (1000 - number, 1000 - number))
    (tmp_path / "page-1").mkdir()
    (tmp_path / "page-1" / "b").write_bytes(bytes(1000))
    make_room(tmp_path, 400)
    assert len(list(tmp_path.iterdir())) == 5
    make_room(tmp_path, 250)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{0:032x}", f"{1:032x}", "page-1"]
    make_room(tmp_path, -1)
    assert [path.name for path in tmp_path.iterdir()] == ["page-1"]


def test_uploads_that_are_read_and_deleted_meanwhile(tmp_path):
    ended = threading.Event()

    def visit(number):
        own = tmp_path / f"{number:032x}"
        while not ended.is_set():
            own.mkdir()
            (own / "a").write_bytes(b"a")
            shutil.rmtree(own)

    visitors = [threading.Thread(target=visit, args=(number,)) for number in range(3)]
    for each in visitors:
        each.start()
    try:
        for _ in range(3000):
            make_room(tmp_path, 1000)
    finally:
        ended.set()
        for each in visitors:
            each.join()
    assert not list(tmp_path.iterdir())


def test_files_sent_as_text_have_few_places(tmp_path):
    settings = Settings(max_batch=1)
    api = Api(Demo(settings, _Engine(), None, ServiceLog(io.StringIO()), tmp_path, 0.0))
    with api._inline_place(), api._inline_place(), pytest.raises(gr.Error, match="the server is busy"):
        api.read_ecg("MA==")
    assert not list(tmp_path.iterdir())


def test_private_folder_is_shared_by_servers_of_one_process_and_removed(monkeypatch, tmp_path):
    monkeypatch.setattr(private_folder, "_path", None)
    monkeypatch.setattr(private_folder, "_users", 0)
    monkeypatch.setenv("GRADIO_TEMP_DIR", "before")
    first, second = open_private_folder(), open_private_folder()
    assert first == second
    assert first.stat().st_mode & 0o777 == 0o700
    (first / "left").write_text("x")
    close_private_folder()
    assert first.is_dir()
    close_private_folder()
    assert not first.exists()
    assert open_private_folder() == first
    close_private_folder()


def test_inside_follows_links(tmp_path):
    folder = tmp_path / "private"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    assert is_inside(folder / "a" / "b", folder)
    assert not any(
        is_inside(path, folder)
        for path in (folder, folder / ".." / "x", folder / "link" / "x", "/etc/passwd", "x", "", "a\0b", "http://a/b")
    )


def test_a_space_may_be_framed_by_the_hub_and_nothing_else_by_anyone():
    own, space = security_headers(embedded=False), security_headers(embedded=True)
    assert own["Content-Security-Policy"].endswith("frame-ancestors 'self'")
    assert own["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self' https://huggingface.co " in space["Content-Security-Policy"]
    assert "X-Frame-Options" not in space
    sources = space["Content-Security-Policy"].partition("frame-ancestors")[0]
    assert "http" not in sources
    assert "*" not in sources


class _Engine:
    names = ("first", "second")

    def __init__(self):
        self.added = []

    def add_model(self, entry):
        self.added.append(entry)


def test_a_visitor_chooses_of_the_operators_models(tmp_path):
    demo = Demo(Settings(), _Engine(), None, ServiceLog(), tmp_path, 0.0)
    assert [demo.chosen_model(name) for name in ("", "second")] == ["first", "second"]
    for name in ("third", "someone/model", "someone/model@" + "0" * 40, str(tmp_path), "../first"):
        with pytest.raises(EcgInputError, match="expected one of first, second"):
            demo.chosen_model(name)
    assert demo.engine.added == []


def test_any_model_where_the_operator_allows_it(tmp_path):
    demo = Demo(Settings(allow_any_model=True), _Engine(), None, ServiceLog(), tmp_path, 0.0)
    commit = "0123456789" * 4
    for name in (str(tmp_path), f"someone/model@{commit}"):
        assert demo.chosen_model(name) == name
    assert [(entry.source, entry.revision) for entry in demo.engine.added] == [
        (str(tmp_path), None),
        ("someone/model", commit),
    ]


def test_values_of_other_types_are_told(tmp_path):
    check_types({"unit": "mV", "leads": None}, {"fs": 500, "start_s": 0.5})
    for texts, numbers in (({"unit": 3}, {}), ({"unit": ["x"]}, {}), ({}, {"fs": "500"}), ({}, {"fs": True})):
        with pytest.raises(EcgInputError, match=r"(unit|fs) is .*, expected a (text|number)"):
            check_types(texts, numbers)
