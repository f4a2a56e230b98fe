"""Settings, log and private folder of the demo, without a server."""

import io
import json

import pytest

from dataset_scripts.errors import EcgInputError
from spaces_demo.service import private_folder
from spaces_demo.service.asked import check_types
from spaces_demo.service.demo import Demo
from spaces_demo.service.headers import security_headers
from spaces_demo.service.logs import ServiceLog
from spaces_demo.service.private_folder import close_private_folder, is_inside, open_private_folder
from spaces_demo.service.settings import Settings, is_loopback


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
