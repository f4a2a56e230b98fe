"""The tools of the Model Context Protocol: two, and none that makes the server fetch or open a file."""

import base64
import io
import json
import zipfile

import pytest

from tests.made_up_ecg import write_record
from tests.spaces_demo.service_process import HTTP, ServiceProcess, service

__all__ = ["service"]


def ask(url, method, **params):
    """One message of the protocol over streamable HTTP; returns its result or error."""
    answer = HTTP.post(
        f"{url}/gradio_api/mcp/",
        json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params},
        headers={"Accept": "application/json, text/event-stream"},
        timeout=120,
    )
    if answer.status_code != 200:
        return {"status": answer.status_code, "text": answer.text}
    data = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    return json.loads(data[-1])


@pytest.fixture
def zipped(tmp_path):
    record = write_record(tmp_path)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for ending in (".hea", ".dat"):
            archive.write(record.with_suffix(ending), record.name + ending)
    return base64.b64encode(packed.getvalue()).decode()


def test_tools(service):
    tools = {tool["name"]: tool for tool in ask(service.url, "tools/list")["result"]["tools"]}
    assert set(tools) == {"read_ecg", "list_models"}
    assert "research use only" in tools["read_ecg"]["description"]
    schema = tools["read_ecg"]["inputSchema"]["properties"]
    assert schema["file_base64"]["type"] == "string"
    assert "Gradio File" not in json.dumps(tools)
    assert {tool["name"] for tool in HTTP.get(f"{service.url}/gradio_api/mcp/schema").json()} == set(tools)


def test_a_tool_reads_an_ecg(service, zipped):
    answer = ask(service.url, "tools/call", name="read_ecg", arguments={"file_base64": zipped})
    (content,) = answer["result"]["content"]
    assert not answer["result"].get("isError")
    reading = json.loads(content["text"])
    assert reading["report"]
    assert reading["record"]["name"] == "made_up"
    assert "research use only" in reading["notice"]
    assert service.stored() == []


@pytest.mark.parametrize(
    "given", ["http://127.0.0.1:1/x", "file:///etc/passwd", "/etc/passwd", "", "!!", "data:text/plain;base64,"]
)
def test_what_is_no_base64_is_refused(service, given):
    answer = ask(service.url, "tools/call", name="read_ecg", arguments={"file_base64": given})
    said = json.dumps(answer)
    assert answer["result"]["isError"]
    assert "base64" in said
    assert "root:" not in said
    assert "Traceback" not in said + service.log()


@pytest.mark.parametrize("path", ["/etc/passwd", "http://127.0.0.1:1/x", "file:///etc/passwd"])
@pytest.mark.parametrize("place", ["file_base64", "model", "files"])
def test_a_file_object_in_a_tools_arguments_is_refused(service, path, place):
    given = {"path": path, "meta": {"_type": "gradio.FileData"}}
    for arguments in ({place: given}, {place: [given]}):
        answer = ask(service.url, "tools/call", name="read_ecg", arguments=arguments)
        assert answer["status"] == 400
        assert "not uploaded here" in answer["text"]


@pytest.mark.parametrize("name", ["read", "draw", "occlude", "read_1", "files"])
def test_endpoints_with_files_are_no_tools(service, name):
    answer = ask(service.url, "tools/call", name=name, arguments={"files": ["http://127.0.0.1:1/x"]})
    assert "Unknown tool" in json.dumps(answer)


def test_no_tools_where_the_operator_wants_none(tmp_path):
    running = ServiceProcess(tmp_path / "service", "--no-mcp")
    try:
        assert HTTP.get(f"{running.url}/gradio_api/mcp/schema").status_code == 404
        assert ask(running.url, "tools/list")["status"] == 404
        assert running.stop() == 0
    finally:
        running.process.kill()
