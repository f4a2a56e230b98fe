"""`meit report` from a file to a report, with a tiny model of random weights."""

from __future__ import annotations

import errno
import json
import math
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForCausalLM, AutoProcessor

import meit_cli
import meit_report
from dataset_scripts.instructions.prompts import draw_prompt
from ecg_files.read import read_ecg_file
from ecg_image.page import RESEARCH_USE_NOTICE
from tests.made_up_ecg import made_up_ecg, write_record
from tests.tiny import save_tiny_model_folder

LEADS = "I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5,V6"


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    return save_tiny_model_folder(tmp_path_factory.mktemp("model") / "tiny", num_ecg_tokens=2)


def report(capsys, *arguments):
    """Run `meit report --json`; returns what it printed and its lines on stderr."""
    assert meit_cli.main(["report", *map(str, arguments), "--json"]) == 0
    printed = capsys.readouterr()
    return json.loads(printed.out), printed.err


def test_report_is_what_the_auto_classes_give(capsys, tmp_path, model_folder):
    record = write_record(tmp_path)
    found, warnings = report(capsys, record, "--model", model_folder)

    prompt = draw_prompt("", "en")
    model = AutoModelForCausalLM.from_pretrained(model_folder, trust_remote_code=True).eval()
    processor = AutoProcessor.from_pretrained(model_folder, trust_remote_code=True)
    inputs = processor(ecg=made_up_ecg(), sampling_rate=500, text=prompt)
    start = inputs["input_ids"].shape[1]
    with torch.inference_mode():
        tokens = model.generate(**inputs)
        logits = model(
            input_ids=tokens,
            attention_mask=torch.ones_like(tokens),
            ecg_values=inputs["ecg_values"],
            ecg_mask=inputs["ecg_mask"],
        ).logits
    chosen = logits[0, start - 1 : -1].log_softmax(-1).gather(1, tokens[0, start:, None])

    assert found["report"] == processor.post_process_reports(tokens[:, start:])[0]
    assert found["confidence"] == pytest.approx(math.exp(chosen.mean()), abs=2e-4)
    assert found["model"] == "tiny"
    assert found["prompt"] == prompt
    assert prompt.endswith("Write the report in English.")
    assert (found["record"], found["sampling_rate"], found["duration_s"]) == ("made_up", 500, 10.0)
    assert found["notice"] == RESEARCH_USE_NOTICE
    resampled, cut = "resampled from 500 Hz to the model's 100 Hz", "the report was cut at the limit of 12 tokens"
    assert found["warnings"] == [resampled, cut]
    exchanged = {"level": "warning", "text": "The chest electrodes V3 and V5 seem exchanged."}
    assert found["quality"] == [exchanged]
    assert warnings.splitlines() == [
        f"meit: quality, warning: {exchanged['text']}",
        f"meit: warning: {resampled}",
        f"meit: warning: {cut}",
    ]
    assert "".join(sentence["text"] for sentence in found["sentences"]) == found["report"]
    assert sum(sentence["tokens"] for sentence in found["sentences"]) == 12


def test_every_kind_of_file_gives_the_same_report(capsys, tmp_path, model_folder):
    signal = made_up_ecg()
    expected = report(capsys, write_record(tmp_path), "--model", model_folder)[0]["report"]
    np.save(tmp_path / "a.npy", signal.T)
    lines = [",".join(f"{value:.3f}" for value in moment) for moment in signal.T]
    (tmp_path / "b.csv").write_text("\n".join([LEADS, *lines]))
    (tmp_path / "another_name.csv").write_text("\n".join(lines))
    for arguments in (
        ["a.npy", "--fs", "500", "--leads", LEADS],
        ["b.csv", "--fs", "500"],
        ["another_name.csv", "--fs", "500", "--leads", LEADS],
    ):
        path, *options = arguments
        assert report(capsys, tmp_path / path, *options, "--model", model_folder)[0]["report"] == expected


def test_terminal_prompt_and_language(capsys, tmp_path, model_folder):
    record = str(write_record(tmp_path))
    assert meit_cli.main(["report", record, "--model", str(model_folder)]) == 0
    text = capsys.readouterr().out
    found, _ = report(capsys, record, "--model", model_folder)
    assert text.splitlines()[0] == found["report"]
    assert "model tiny, confidence 0." in text
    assert text.endswith(RESEARCH_USE_NOTICE + "\n")
    german, _ = report(capsys, record, "--model", model_folder, "--language", "de")
    assert german["prompt"].endswith("Write the report in German.")
    asked, _ = report(capsys, record, "--model", model_folder, "--prompt", "Is this sinus rhythm?")
    assert asked["prompt"] == "Is this sinus rhythm?"


def test_warnings_of_the_ecg(capsys, tmp_path, model_folder):
    signal = made_up_ecg(seconds=25)
    signal[7] = 0
    signal[8, :50] = np.nan
    found, printed = report(capsys, write_record(tmp_path, signal=signal), "--model", model_folder)
    text = " ".join(found["warnings"])
    assert "lead V2 flat" in text
    assert "lead V3 with missing samples" in text
    assert "25 s long, only the first 10 s are read" in text
    assert printed.count("meit: warning: ") == len(found["warnings"])


@pytest.mark.parametrize("crop", ["start", "center"])
def test_quality_is_of_what_the_model_reads(capsys, tmp_path, model_folder, crop):
    model = shutil.copytree(model_folder, tmp_path / "model")
    stored = json.loads((model / "processor_config.json").read_text())
    stored["feature_extractor"]["crop"] = crop
    (model / "processor_config.json").write_text(json.dumps(stored))
    for first, last, read in ((0, 4000, "start"), (9000, 11000, "center"), (18000, 20000, "neither")):
        signal = made_up_ecg(seconds=40)
        signal[:, first:last] = np.nan
        found, _ = report(capsys, write_record(tmp_path, signal=signal), "--model", model)
        missing = any(" missing " in remark["text"] for remark in found["quality"])
        assert missing == (read == crop), (first, last)


@pytest.mark.parametrize(("ending", "kind"), [("png", "PNG"), ("JPG", "JPEG"), ("pdf", None)])
def test_plot(capsys, tmp_path, model_folder, ending, kind):
    plot = tmp_path / f"page.{ending}"
    report(capsys, write_record(tmp_path), "--model", model_folder, "--plot", plot)
    if kind is None:
        assert plot.read_bytes().startswith(b"%PDF")
    else:
        image = Image.open(plot)
        assert image.format == kind
        assert image.size == (1600, 1131)
        # Printed at its own resolution the page is A4.
        assert image.size[0] / image.info["dpi"][0] * 25.4 == pytest.approx(297, abs=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["made_up.dat", "made_up.hea", plot.name])


def test_full_disk_leaves_no_plot(capsys, tmp_path, model_folder, monkeypatch):
    def full(self, file, **_):
        file.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(file))

    monkeypatch.setattr(Image.Image, "save", full)
    record = write_record(tmp_path)
    (tmp_path / "page.png").write_bytes(b"older")
    arguments = ["report", str(record), "--model", str(model_folder), "--plot", str(tmp_path / "page.png")]
    assert meit_cli.main(arguments) == 2
    printed = capsys.readouterr()
    assert "No space left on device" in printed.err
    assert printed.out == ""
    assert (tmp_path / "page.png").read_bytes() == b"older"
    assert len(list(tmp_path.iterdir())) == 3


def test_a_flat_beginning_is_refused(capsys, tmp_path, model_folder):
    signal = made_up_ecg(seconds=25)
    signal[:, :5000] = 0
    assert meit_cli.main(["report", str(write_record(tmp_path, signal=signal)), "--model", str(model_folder)]) == 2
    assert "flat" in capsys.readouterr().err


def test_a_folder_of_another_model_is_refused(capsys, tmp_path, model_folder):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"model_type": "llama"}')
    record = write_record(tmp_path)
    assert meit_cli.main(["report", str(record), "--model", str(tmp_path / "other")]) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "has no processor that reads ECGs" in printed


def test_confidence_of_the_evaluation_is_the_same(tmp_path, model_folder):
    report_model = pytest.importorskip("eval_suite.report_model")
    record = read_ecg_file(write_record(tmp_path))
    found = meit_report.write_report(record, str(model_folder), "What does it show?")
    texts, confidences = report_model.ReportModel(model_folder).reports([record.signal], [500], ["What does it show?"])
    assert found.confidence == pytest.approx(confidences[0], abs=1e-5)
    assert found.text == " ".join(texts[0].split())
