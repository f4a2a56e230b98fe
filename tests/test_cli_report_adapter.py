"""`meit report` of a PEFT adapter, and the demo's engine of the same: it is merged into the model it names."""

from __future__ import annotations

import json

import pytest
import torch
from peft import get_peft_model
from transformers import AutoModelForCausalLM

import meit_cli
from ecg_files.read import read_ecg_file
from eval_suite.report_model import ReportModel
from meit_training.lora import lora_config
from spaces_demo.engine.engine import ReportEngine
from spaces_demo.engine.models import ModelEntry
from tests.made_up_ecg import write_record
from tests.tiny import save_tiny_model_folder

PROMPT = "What does it show?"


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    """An adapter's folder, beside the folder of its model."""
    base = save_tiny_model_folder(tmp_path_factory.mktemp("models").resolve() / "base", num_ecg_tokens=2)
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(base, trust_remote_code=True)
    get_peft_model(model, lora_config({"r": 4, "init_lora_weights": False})).save_pretrained(base.parent / "tuned")
    return base.parent / "tuned"


def test_its_report_is_the_merged_models(capsys, tmp_path, adapter):
    path = write_record(tmp_path)
    assert meit_cli.main(["report", str(path), "--model", str(adapter), "--prompt", PROMPT, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    record = read_ecg_file(path)
    asked = ([record.signal], [record.sampling_rate], [PROMPT])
    texts, confidences = ReportModel(adapter).reports(*asked)
    assert found["report"] == " ".join(texts[0].split())
    assert found["confidence"] == confidences[0]
    assert found["model"] == "tuned"
    assert confidences != ReportModel(adapter.parent / "base").reports(*asked)[1]

    engine = ReportEngine([ModelEntry("tuned", str(adapter))])
    try:
        *_, state = engine.stream("tuned", record.signal, record.sampling_rate, PROMPT)
    finally:
        engine.close()
    assert (state.text, state.confidence) == (found["report"], found["confidence"])


def test_the_model_under_it_must_be_trusted_too(capsys, tmp_path):
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text('{"base_model_name_or_path": "some/model"}')
    record = write_record(tmp_path)
    assert meit_cli.main(["report", str(record), "--model", str(tmp_path / "adapter")]) == 2
    assert "a Hub id runs that repository's code here" in capsys.readouterr().err
