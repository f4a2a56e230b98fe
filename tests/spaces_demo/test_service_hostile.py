"""Every hostile upload through the HTTP API of a running server: one sentence each, and nothing else happens."""

import re
from pathlib import Path

import pytest

from tests.ecg_files.hostile import CASES
from tests.ecg_files.hostile_parts import CANARY, SECRET
from tests.spaces_demo.service_process import HTTP, READ_DEFAULTS, call, ecg_files, service

__all__ = ["service"]
UPLOADABLE = [case for case in CASES if case.uploadable]
REFUSED_UPLOAD = re.compile(r"more than \d+ MB|Invalid file name|[Ff]ile name|Too many")
ERROR = re.compile(r'event: error\r?\ndata: \{"error": "(?P<said>(?:[^"\\]|\\.)*)"')


def test_there_are_forty():
    assert len(UPLOADABLE) >= 40


@pytest.mark.slow
def test_each_is_answered_by_one_sentence(service, tmp_path):
    before, stored = service.written(), service.stored()
    wrong = []
    for number, case in enumerate(UPLOADABLE):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths = case.write(folder)
        sent = [("files", (path.name, path.open("rb"))) for path in paths]
        answer = HTTP.post(f"{service.url}/gradio_api/upload", files=sent)
        for _, (_, file) in sent:
            file.close()
        if answer.status_code != 200:
            # Refused before it was stored: larger than an upload may be, or with a name that no file may have.
            said = answer.text
            if answer.status_code != 413 and not REFUSED_UPLOAD.search(said):
                wrong.append((case.name, "why it cannot be uploaded", said))
        else:
            status, body = call(service.url, "read", answer.json(), *READ_DEFAULTS)
            found = ERROR.search(body)
            said = found["said"] if found else f"answered with {status}: {body[:200]}"
            if not found or case.says.lower() not in said.lower().replace('\\"', '"'):
                wrong.append((case.name, case.says, said))
        if "Traceback" in said or "\\n" in said or len(said) > 600:
            wrong.append((case.name, "one sentence", said))
        if HTTP.get(f"{service.url}/health").json()["status"] != "ok":
            wrong.append((case.name, "alive", ""))
        if service.stored() != stored:
            wrong.append((case.name, "nothing left", str(set(service.stored()) - set(stored))))
    assert not wrong, "\n".join(map(str, wrong))
    # What their code, or a path in a zip, would have written.
    assert not [*tmp_path.rglob(CANARY), *service.folder.rglob(CANARY), *Path("/tmp").glob(CANARY)]
    good = service.client().predict(files=ecg_files(tmp_path / "good"), api_name="/read")
    assert good["report"]
    assert service.written() == before
    assert service.process.poll() is None
    log = service.log()
    for content in (
        "alert(1)",
        "<script",
        "\x1b",
        "Traceback",
        "calc",
        "passwd",
        SECRET,
        *(p.name for p in tmp_path.rglob("*.hea")),
    ):
        assert content not in log, content
    assert {event["event"] for event in service.events()} <= {"opened", "listening", "read"}
    assert {event["status"] for event in service.events() if event["event"] == "read"} <= {"refused", "answered"}
