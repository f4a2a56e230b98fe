"""`meit demo`: how it starts, what it refuses, how it ends."""

import json
import re
import signal
import socket
import subprocess
import sys

import pytest

import meit_cli
from tests.spaces_demo.service_process import HTTP, ROOT, ServiceProcess


def fails(capsys, *arguments):
    """The command's one line on stderr."""
    assert meit_cli.main(["demo", *map(str, arguments)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1"])
def test_any_model_is_refused_where_others_reach_it(capsys, host):
    said = fails(capsys, "--host", host, "--allow-any-model")
    assert f"--allow-any-model on the host {host}" in said
    assert "--models" in said


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--max-batch", "0"], ["--max-upload-mb", "none"]])
def test_arguments_out_of_range(capsys, arguments):
    assert arguments[0] in fails(capsys, *arguments)


def test_a_list_of_models_that_is_none(capsys, tmp_path):
    (tmp_path / "models.json").write_text("{}")
    assert "expected a list" in fails(capsys, "--models", tmp_path / "models.json")
    (tmp_path / "models.json").write_text(json.dumps([{"name": "a", "source": "someone/else"}]))
    assert "40 hexadecimal digits of a commit" in " ".join(fails(capsys, "--models", tmp_path / "models.json").split())


def test_without_gradio_one_line_says_what_to_install(tmp_path):
    code = (
        "import sys, meit_cli\n"
        "class Gone:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.split('.')[0] in ('gradio', 'starlette', 'fastapi'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}')\n"
        "sys.meta_path.insert(0, Gone())\n"
        "sys.exit(meit_cli.main(['demo', '--port', '0']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert 'pip install "meit-ecg[demo]"' in done.stderr


@pytest.mark.slow
def test_it_starts_says_where_and_ends_with_ctrl_c(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AssertionError, match="did not start") as refused:
            ServiceProcess(tmp_path / "taken", "--port", str(port))
    assert re.search(rf"meit: error: port {port} at 127.0.0.1 cannot be used", str(refused.value))
    assert "Traceback" not in str(refused.value)
    assert not [*(tmp_path / "taken" / "tmp").glob("meit-*")]

    models = tmp_path / "models.json"
    models.write_text(json.dumps([{"name": "one of mine", "source": "meit-ptbxl-small"}]))
    running = ServiceProcess(tmp_path / "run", "--models", str(models), "--max-upload-mb", "1")
    try:
        assert HTTP.get(f"{running.url}/health").json()["models"] == ["one of mine"]
        sent = HTTP.post(f"{running.url}/gradio_api/upload", files=[("files", ("a", bytes(3 << 20)))])
        assert sent.status_code == 413
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(timeout=30) == 0
        assert running.last_line("stopped")
        assert [event["event"] for event in running.events()] == ["opened", "listening", "closed"]
        assert not [*(tmp_path / "run" / "tmp").glob("meit-*")]
    finally:
        running.process.kill()
        running.process.wait()
