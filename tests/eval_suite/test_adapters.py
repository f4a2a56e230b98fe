"""A PEFT adapter evaluated like the model that it is merged into."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from dataset_scripts.errors import EcgInputError
from eval_suite.adapters import adapter_base, is_adapter
from eval_suite.report_model import ReportModel
from meit_report import resolve_model
from modeling_meit.modeling_meit import MeitForCausalLM
from tests.tiny import tiny_model, tiny_processor

peft = pytest.importorskip("peft", reason="needs peft: pip install peft")
lora = pytest.importorskip("meit_training.lora", reason="needs the training extra")


def save_whole(model: MeitForCausalLM, folder: Path) -> None:
    model.generation_config.update(max_new_tokens=6, eos_token_id=1, pad_token_id=2)
    model.save_pretrained(folder)
    tiny_processor().save_pretrained(folder)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """`start`, and `out` with an adapter of it as our training saves them, its weights drawn at random."""
    save_whole(tiny_model(), tmp_path / "start")
    torch.manual_seed(0)
    adapted = peft.get_peft_model(
        MeitForCausalLM.from_pretrained(tmp_path / "start"), lora.lora_config({"r": 4, "init_lora_weights": False})
    )
    lora.save_merged(adapted, tmp_path / "out")
    tiny_processor().save_pretrained(tmp_path / "out")
    return tmp_path


def reports(model: ReportModel) -> list[str]:
    signals = np.random.default_rng(0).integers(-900, 900, (4, 12, model.processor.feature_extractor.num_samples))
    rate = model.processor.feature_extractor.sampling_rate
    return model.reports(list(signals.astype(np.int16)), [rate] * 4, ["What is it?"] * 4)[0]


def test_an_adapter_says_what_the_merged_model_says(trained: Path) -> None:
    adapter = trained / "out" / "adapter"
    assert is_adapter(adapter)
    assert adapter_base(adapter) == str(trained / "start")
    assert adapter_base(trained / "out") is None
    opened, merged, start = (
        ReportModel(folder, device="cpu") for folder in (adapter, adapter.parent, trained / "start")
    )
    assert reports(opened) == reports(merged) != reports(start)
    assert opened.described.startswith("adapter on start, sha256 of its files")
    assert opened.fingerprint not in (merged.fingerprint, start.fingerprint)
    assert resolve_model(str(adapter), False) == str(adapter)


def test_an_adapter_of_a_backbone_is_read_where_it_was_merged(trained: Path) -> None:
    config = trained / "out" / "adapter" / "adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": None}))
    opened = ReportModel(config.parent, device="cpu")
    assert opened.described.startswith("adapter merged in out, sha256 of its files")
    assert reports(opened) == reports(ReportModel(trained / "out", device="cpu"))
    # The adapter of a checkpoint is not what was merged at the end.
    shutil.copytree(config.parent, trained / "out" / "checkpoint-10")
    with pytest.raises(EcgInputError, match="it is not the adapter beside a merged model"):
        ReportModel(trained / "out" / "checkpoint-10")
    config.parent.rename(trained / "alone")
    with pytest.raises(EcgInputError, match="a model without a name, which is no saved ECG model"):
        ReportModel(trained / "alone")


def test_the_model_under_an_adapter_must_be_trusted_too(trained: Path) -> None:
    config = trained / "out" / "adapter" / "adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": "some/base"}))
    (trained / "out" / "config.json").unlink()
    with pytest.raises(EcgInputError, match="--trust-remote-code"):
        resolve_model(str(config.parent), False)
