"""The server over plain HTTP: what it tells, what it refuses, and what it leaves behind."""

import json
import socket
import threading
import time

import httpx
import pytest

from spaces_demo.service.headers import security_headers
from tests.spaces_demo.service_process import HTTP, READ_DEFAULTS, call, ecg_files, service, upload

__all__ = ["service"]
FOREIGN = "a file was named that was not uploaded here"
MARKER = "Mustermann-19620401-Vorhofflimmern"


def test_health(service):
    answer = HTTP.get(f"{service.url}/health")
    assert answer.status_code == 200
    said = answer.json()
    assert set(said) == {"status", "version", "models", "queue", "uptime_s"}
    assert (said["status"], said["models"]) == ("ok", ["meit-ptbxl-small"])
    assert all(isinstance(count, (int, list)) for count in said["queue"].values())


@pytest.mark.parametrize("path", ["/", "/health", "/config", "/gradio_api/info", "/gradio_api/file=/etc/passwd", "/no"])
def test_headers_of_every_answer(service, path):
    headers = HTTP.get(service.url + path).headers
    assert {name: headers[name] for name in security_headers(False)} == security_headers(False)


def test_page_names_no_other_host(service):
    config = HTTP.get(f"{service.url}/config").json()
    assert config["analytics_enabled"] is False
    assert config.get("run_history") is not True
    page = HTTP.get(f"{service.url}/").text
    for mark in ('src="http', "src='http", "url(http", '<link rel="preconnect"', '<link rel="stylesheet" href="http'):
        assert mark not in page


@pytest.mark.parametrize(
    "path",
    [
        "/docs",
        "/openapi.json",
        "/monitoring",
        "/monitoring/summary",
        "/gradio_api/proxy=https://example.org/x",
        "/gradio_api/file=http://127.0.0.1:1/x",
        "/gradio_api/file=file:///etc/passwd",
        "/gradio_api/file=../../../../etc/passwd",
        "/gradio_api/custom_component/x/client/component/index.js",
        "/gradio_api/deep_link",
        "/gradio_api/runs",
        "/gradio_api/vibe-code",
        "/gradio_api/dev/reload",
        "/gradio_api/token",
        "/health/../docs",
        "//docs",
    ],
)
def test_routes_that_the_page_does_not_need(service, path):
    # A client that does not tidy the path, as a browser would.
    with httpx.Client() as client:
        request = client.build_request("GET", service.url)
        request.url = request.url.copy_with(raw_path=path.encode())
        assert client.send(request).status_code == 404


@pytest.mark.parametrize("path", ["/etc/passwd", "/proc/self/environ", "{cwd}/x", "{root}/setup.py"])
def test_files_of_the_server_are_not_served(service, path):
    named = path.format(cwd=service.folder / "cwd", root=__file__.partition("/tests/")[0])
    there = service.folder / "cwd" / "x"  # Gradio serves what lies in the folder that it was started in
    there.write_text("of the server")
    try:
        assert HTTP.get(f"{service.url}/gradio_api/file={named}").status_code in (403, 404)
    finally:
        there.unlink()


def test_methods_of_components_cannot_be_called(service):
    body = {"component_id": 1, "fn_name": "postprocess", "data": None, "session_hash": "a"}
    for route in ("component_server", "process_recording", "vibe-edit", "stream/1", "run-history/connect"):
        assert HTTP.post(f"{service.url}/gradio_api/{route}", json=body).status_code == 404


def as_objects(path):
    meta = {"_type": "gradio.FileData"}
    return [path, {"path": path}, {"path": path, "meta": meta}, {"path": path, "url": path, "meta": meta}]


@pytest.mark.parametrize(
    "path",
    [
        "http://127.0.0.1:{port}/secret",
        "https://example.org/a.hea",
        "file:///etc/passwd",
        "/etc/passwd",
        "{hea}/../../../../x",
    ],
)
def test_a_file_must_have_been_uploaded(service, path):
    """No URL is fetched and no file of the server is opened, however a request names it."""
    asked = []
    with _Listener(asked) as listener:
        (ours,) = upload(service.url, ("a.hea", b"a"))
        named = path.format(port=listener.port, hea=ours)
        for given in as_objects(named):
            status, said = call(service.url, "read", [given], *READ_DEFAULTS)
            assert FOREIGN in said, (status, said)
        for index in range(0, len(HTTP.get(f"{service.url}/config").json()["dependencies"]), 7):
            body = {"data": [as_objects(named)[2]], "fn_index": index, "session_hash": f"s{index}"}
            refused = HTTP.post(f"{service.url}/gradio_api/queue/join", json=body)
            assert (refused.status_code, FOREIGN in refused.text) == (400, True)
        time.sleep(0.2)
    assert asked == []


class _Listener:
    """A server that notes who connects."""

    def __init__(self, asked):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.asked = asked

    def __enter__(self):
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def _listen(self):
        try:
            while True:
                connection, _ = self.socket.accept()
                self.asked.append(connection)
        except OSError:
            return

    def __exit__(self, *_):
        self.socket.close()


def test_an_upload_is_deleted_once_it_was_read(service, tmp_path):
    client, before = service.client(), service.stored()
    answer = client.predict(files=ecg_files(tmp_path), api_name="/read")
    assert answer["record"]["format"] == "WFDB"
    assert service.stored() == before
    (path,) = upload(service.url, ("broken.edf", b"0       broken"))
    assert service.stored() != before
    _, said = call(service.url, "read", [{"path": path, "meta": {"_type": "gradio.FileData"}}], *READ_DEFAULTS)
    assert "event: error" in said
    assert service.stored() == before
    _, said = call(service.url, "read", [path], *READ_DEFAULTS)
    assert "no longer here" in said


def test_progress_of_an_upload(service):
    sent = HTTP.post(f"{service.url}/gradio_api/upload?upload_id=one", files=[("files", ("a.hea", b"x" * 5000))])
    answer = HTTP.get(f"{service.url}/gradio_api/upload_progress?upload_id=one", timeout=20)
    assert (sent.status_code, answer.status_code) == (200, 200)
    assert '"msg": "done"' in answer.text
    call(service.url, "read", sent.json(), *READ_DEFAULTS)


def test_two_visitors_with_the_same_file_have_two_uploads(service):
    before = service.stored()
    first, second = upload(service.url, ("a.hea", b"same")), upload(service.url, ("a.hea", b"same"))
    assert first != second
    call(service.url, "read", first, *READ_DEFAULTS)
    _, said = call(service.url, "read", second, *READ_DEFAULTS)
    assert "no longer here" not in said
    assert service.stored() == before


def test_too_large_an_upload(service):
    limit, before = 64 << 20, service.stored()
    sent = [("files", ("a.edf", bytes(limit + (2 << 20))))]
    answer = HTTP.post(f"{service.url}/gradio_api/upload", files=sent)
    assert answer.status_code == 413
    assert "over the limit" in answer.text
    answer = HTTP.post(f"{service.url}/gradio_api/call/read", content=b" " * (limit * 2))
    assert answer.status_code == 413
    assert service.stored() == before


def test_without_a_length_the_body_is_counted(service):
    def endless():
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
        for _ in range(80):
            yield bytes(1 << 20)

    headers, before = {"Content-Type": "multipart/form-data; boundary=x"}, service.stored()
    try:
        said = HTTP.post(f"{service.url}/gradio_api/upload", content=endless(), headers=headers).status_code
    except httpx.WriteError:
        said = None  # the server hung up while we were still sending
    assert said in (413, None)
    assert service.stored() == before
    assert HTTP.get(f"{service.url}/health").status_code == 200


@pytest.mark.parametrize(
    ("endpoint", "data"),
    [
        ("read", []),
        ("read", [MARKER]),
        ("read", [[{"no": MARKER}], *READ_DEFAULTS]),
        ("read", [{MARKER: [MARKER]}, *READ_DEFAULTS]),
        (
            "read",
            [None, MARKER, MARKER, MARKER, MARKER, MARKER, MARKER, MARKER, MARKER, MARKER, MARKER, MARKER, MARKER],
        ),
        ("occlude", [[], MARKER, "", "en", "", None, "", "", "", 0.0]),
        ("draw", [[], MARKER]),
        ("models", [MARKER, MARKER]),
        ("read_inline", [MARKER, "", "en", "", None, "", "", "", 0.0]),
    ],
)
def test_senseless_calls_are_answered_and_not_logged(service, endpoint, data):
    status, said = call(service.url, endpoint, *data)
    assert "Traceback" not in said
    assert status == 200
    assert MARKER not in service.log()
    service.events()


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'{"data": 3}', b"{" * 5000, b"[" * 100_000, b"\xff\xfe", b'"x"']
)
@pytest.mark.parametrize("route", ["queue/join", "call/read", "run/read", "cancel", "reset"])
def test_senseless_bodies(service, route, body):
    headers = {"Content-Type": "application/json"}
    answer = HTTP.post(f"{service.url}/gradio_api/{route}", content=body, headers=headers)
    assert answer.status_code < 500 or "Traceback" not in answer.text
    service.events()


def test_what_libraries_log_is_a_line_of_json_without_their_words(service):
    head = {"Content-Type": "multipart/form-data; boundary=x"}
    for body in (MARKER.encode(), b"--x\r\n" + MARKER.encode() + b"\r\n", b"--x\r\n\r\n--x--" + MARKER.encode()):
        HTTP.post(f"{service.url}/gradio_api/upload", content=body, headers=head)
    port = int(service.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.sendall(MARKER.encode() + b"\r\n\r\n")
        raw.recv(1000)
    for _ in range(50):
        if any(event["event"] == "message" for event in service.events()):
            break
        time.sleep(0.1)
    last = [event for event in service.events() if event["event"] == "message"][-1]
    assert set(last) == {"time", "event", "level", "where"}
    assert last["where"].startswith("uvicorn")
    assert MARKER not in service.log()


def test_log_has_neither_content_nor_names(service, tmp_path):
    client = service.client()
    files = ecg_files(tmp_path, MARKER.replace(" ", ""))
    answer = client.predict(files=files, prompt=f"Write of {MARKER}.", api_name="/read")
    assert answer["prompt"] == f"Write of {MARKER}."
    with pytest.raises(Exception, match="expected one of"):
        client.predict(files=ecg_files(tmp_path / "again", MARKER), model=MARKER, api_name="/read")
    paths = upload(service.url, (f"{MARKER}.edf", MARKER.encode() * 100))
    call(service.url, "read", paths, *READ_DEFAULTS)
    log = service.log()
    assert "Mustermann" not in log
    assert answer["report"] not in log
    last = [event for event in service.events() if event["event"] == "read" and event["status"] == "answered"][-1]
    assert set(last) == {"time", "event", "seconds", "status", "format", "model", "bytes"}
    assert (last["format"], last["model"]) == ("WFDB", "meit-ptbxl-small")


def test_health_under_load(service, tmp_path):
    """It does not wait until the reports that are written are done."""
    client, started = service.client(), time.monotonic()
    jobs = [client.submit(files=ecg_files(tmp_path / str(n)), api_name="/read") for n in range(12)]
    slowest = 0.0
    while not all(job.done() for job in jobs):
        began = time.monotonic()
        assert HTTP.get(f"{service.url}/health", timeout=10).json()["status"] == "ok"
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.02)
    assert len({json.dumps(job.result()["report"]) for job in jobs}) == 1
    assert slowest < (time.monotonic() - started) / 2
