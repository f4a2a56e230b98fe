"""The named endpoints through Gradio's own client, and the snippet of docs/demo-api.md."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from tests.made_up_ecg import made_up_ecg, write_record
from tests.spaces_demo.service_process import ROOT, ecg_files, service

__all__ = ["service"]


@pytest.fixture(scope="module")
def client(service):
    return service.client()


def test_endpoints_are_named_and_typed(client):
    named = client.view_api(return_format="dict")["named_endpoints"]
    assert set(named) == {"/read", "/draw", "/occlude", "/models", "/read_inline", "/models_inline"}
    read = {each["parameter_name"]: each for each in named["/read"]["parameters"]}
    assert read["files"]["python_type"]["type"] == "list[filepath]"
    assert read["start_s"]["python_type"]["type"] == "float"
    assert [name for name, each in read.items() if not each["parameter_has_default"]] == ["files"]
    named_in_docs = set(re.findall(r"^\| `(/\w+)`", (ROOT / "docs" / "demo-api.md").read_text(), re.MULTILINE))
    assert named_in_docs == set(named)


def test_read(client, tmp_path):
    reading = client.predict(files=ecg_files(tmp_path), api_name="/read")
    assert reading["report"] == reading["draft"]
    assert not reading["edited"]
    assert 0 < reading["confidence"] <= 1
    assert "".join(each["text"] for each in reading["sentences"]) == reading["draft"]
    assert reading["measurements"]["heart_rate_bpm"] == pytest.approx(60, abs=1)
    assert reading["record"]["duration_s"] == 10
    assert "research use only" in reading["notice"]
    assert 0 < reading["seconds"]["first_token"] <= reading["seconds"]["report"]
    table = (ROOT / "docs" / "demo-api.md").read_text().partition("## The reading")[2].partition("## ")[0]
    assert set(reading) <= set(re.findall(r"`(\w+)`", table))


def test_same_ecg_same_report_in_every_format(client, tmp_path):
    signal = made_up_ecg()
    np.save(tmp_path / "a.npy", signal)
    from_array = client.predict(files=[handle_file(str(tmp_path / "a.npy"))], fs=500, unit="mV", api_name="/read")
    from_record = client.predict(files=ecg_files(tmp_path), api_name="/read")
    assert from_array["record"]["format"] == "NumPy"
    assert from_array["report"] == from_record["report"]
    assert from_array["confidence"] == pytest.approx(from_record["confidence"], rel=1e-4)


def test_options(client, tmp_path):
    def read(**options):
        return client.predict(files=ecg_files(tmp_path), api_name="/read", **options)

    german = read(language="de")
    assert german["prompt"].endswith("Write the report in German.")
    asked = read(prompt="What is the rhythm?", max_new_tokens=3)
    assert asked["prompt"] == "What is the rhythm?"
    assert asked["options"]["max_new_tokens"] == 3
    assert read(temperature=1.0, seed=5)["report"] == read(temperature=1.0, seed=5)["report"]
    assert read(num_beams=2)["options"]["num_beams"] == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"temperature": 9.0}, "temperature is 9.0, expected"),
        ({"num_beams": 99}, "number of beams"),
        ({"num_beams": 2, "temperature": 1.0}, "temperature 1 with 2 beams"),
        ({"model": "other"}, "there is no model 'other' here"),
        ({"model": "gpt2"}, "there is no model"),
        ({"model": "someone/evil@" + "0" * 40}, "there is no model"),
        ({"model": "../checkpoints/meit-ptbxl-small"}, "there is no model"),
        ({"language": "xx"}, "expected one of"),
        ({"prompt": "x" * 5000}, "expected at most 4000"),
        ({"start_s": 99.0}, "lasts 10 s"),
        ({"record": "other"}, "no record 'other', it has: made_up"),
    ],
)
def test_wrong_options_are_answered_with_one_sentence(client, tmp_path, options, said):
    with pytest.raises(AppError, match=re.escape(said)) as refused:
        client.predict(files=ecg_files(tmp_path), api_name="/read", **options)
    assert "\n" not in str(refused.value)
    assert "Traceback" not in str(refused.value)


def test_several_records_need_a_name(client, tmp_path):
    files = [*ecg_files(tmp_path, "one"), *ecg_files(tmp_path, "two")]
    with pytest.raises(AppError, match=r"2 ECGs \(.*one.*two.*\); name one"):
        client.predict(files=files, api_name="/read")
    assert client.predict(files=files, record="two", api_name="/read")["record"]["name"] == "two"


def test_a_later_stretch(client, tmp_path):
    files = ecg_files(tmp_path, signal=np.tile(made_up_ecg(), 3))
    reading = client.predict(files=files, start_s=12.5, api_name="/read")
    assert (reading["record"]["start_s"], reading["record"]["duration_s"]) == (12.5, 10)


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_draw(client, service, tmp_path, kind):
    path = client.predict(files=ecg_files(tmp_path), kind=kind, gain=20, api_name="/draw")
    assert str(path).startswith(str(service.folder / "downloads"))
    content = Path(path).read_bytes()
    if kind == "png":
        assert Image.open(path).size[0] == 1600
    else:
        assert content.startswith(b"<svg" if kind == "svg" else b"%PDF-") or b"<svg" in content[:200]
    if kind == "svg":
        assert b"esearch use only" in content


def test_draw_refuses_other_kinds(client, tmp_path):
    with pytest.raises(AppError, match="the kind is 'gif', expected one of png, svg, pdf"):
        client.predict(files=ecg_files(tmp_path), kind="gif", api_name="/draw")
    with pytest.raises(AppError, match="the gain is 3"):
        client.predict(files=ecg_files(tmp_path), gain=3, api_name="/draw")


def test_occlude(client, tmp_path):
    found = client.predict(files=ecg_files(tmp_path), text="sinus rhythm.", api_name="/occlude")
    assert np.array(found["importance"]).shape == (12, len(found["importance"][0]))
    assert found["leads"][:2] == ["I", "II"]
    assert found["window_s"] == 1
    assert found["baseline"] < 0


def test_models(client):
    models = client.predict(api_name="/models")
    assert models == [{"name": "meit-ptbxl-small", "description": "The model that comes with meit-ecg."}]
    assert json.loads(client.predict(api_name="/models_inline")) == models


def test_the_snippet_of_the_docs(service, tmp_path):
    text = (ROOT / "docs" / "demo-api.md").read_text()
    (snippet,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert "http://127.0.0.1:7860" in snippet
    code = snippet.replace("http://127.0.0.1:7860", service.url) + "\nprint(open(picture, 'rb').read(5))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "b'%PDF-'" in done.stdout


def test_reading_a_recording_through_the_disk_leaves_it_alone(client, tmp_path):
    record = write_record(tmp_path)
    before = record.with_suffix(".dat").read_bytes()
    client.predict(files=[handle_file(str(record.with_suffix(e))) for e in (".hea", ".dat")], api_name="/read")
    assert record.with_suffix(".dat").read_bytes() == before
