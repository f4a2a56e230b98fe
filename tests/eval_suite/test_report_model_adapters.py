"""Where an adapter may lie, and that a change of it is another model."""

import shutil
from pathlib import Path

import pytest
import torch
from peft import PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from eval_suite.report_model import ReportModel
from meit_training.lora import lora_config
from tests.tiny import save_tiny_model_folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with an adapter of it inside, in `adapter`."""
    folder = save_tiny_model_folder(tmp_path_factory.mktemp("adapters").resolve() / "base")
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
    settings = lora_config({"r": 4, "init_lora_weights": False})
    get_peft_model(model, settings).save_pretrained(folder / "adapter")
    return folder


def weights(model: ReportModel) -> torch.Tensor:
    return model.model.state_dict()["meit.backbone.model.layers.0.self_attn.q_proj.weight"]


def test_an_adapter_inside_its_own_base_is_not_left_out(base: Path) -> None:
    alone, adapted = ReportModel(base, device="cpu"), ReportModel(base / "adapter", device="cpu")
    assert "adapter on base" in adapted.described
    assert not torch.allclose(weights(alone), weights(adapted), atol=1e-3)
    assert not isinstance(adapted.model, PeftModel)
    assert not adapted.model.training
    assert alone.fingerprint != adapted.fingerprint


def test_a_change_of_the_adapter_is_another_model(base: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(base / "adapter", tmp_path / "adapter"))
    before = ReportModel(copy).fingerprint
    assert before == ReportModel(base / "adapter").fingerprint
    with (copy / "adapter_model.safetensors").open("ab") as file:
        file.write(b" ")
    assert ReportModel(copy).fingerprint != before
