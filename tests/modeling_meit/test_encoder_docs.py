"""docs/encoders.md: its snippets run, and the sizes and names in it are right."""

import re
from pathlib import Path

import pytest
import torch

from modeling_meit.configuration_ecg_encoder import PRESETS, EcgEncoderConfig
from modeling_meit.ecg_encoders import ECG_ENCODERS, build_ecg_encoder
from modeling_meit.modeling_meit import MeitForCausalLM
from tests.tiny import tiny_backbone, tiny_ecg

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "encoders.md").read_text(encoding="utf-8")
BLOCKS = [
    re.sub(r"^  ", "", block, flags=re.M) if block.startswith("  ") else block
    for block in re.findall(r"^ *```python\n(.*?)^ *```", TEXT, flags=re.S | re.M)
]


def test_snippets_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(ECG_ENCODERS, "published", None)  # taken out again afterwards
    first, own, weights, load, remote = BLOCKS
    names: dict = {}
    exec(first, names)
    assert names["encoder"](tiny_ecg(1, samples=500)).shape == (1, 25, 192)
    exec(own, names)
    assert names["encoder"](torch.zeros(2, 12, 1000)).shape == (2, 250, 64)
    exec(weights, names)
    assert (tmp_path / "runs/published/encoder/model.safetensors").is_file()
    MeitForCausalLM.from_backbone(tiny_backbone(), names["config"]).save_pretrained("runs/my-model")
    exec(load, names)
    assert names["model"].eval().meit.encode_ecg(tiny_ecg(1)).shape == (1, 1, 8)
    compile(remote, "docs/encoders.md", "exec")  # run by test_encoder_kinds.py, in a process of its own


@pytest.mark.parametrize("encoder", PRESETS)
@pytest.mark.parametrize("preset", ["paper", "small"])
def test_sizes_are_right(encoder, preset):
    with torch.device("meta"):
        module = build_ecg_encoder(EcgEncoderConfig(kind=encoder, preset=preset))
    row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{encoder}` | "))
    cell = row.split("|")[3 if preset == "paper" else 4]
    assert f"{sum(parameter.numel() for parameter in module.parameters()):,}" in cell


def test_every_file_named_is_there():
    named = set(re.findall(r"(?:recipes|benchmarks)/[\w/.-]+\.(?:yaml|py)|\b\w+_encoder\.py", TEXT))
    assert len(named) > 8
    assert [name for name in named if not (ROOT / name).is_file()] == []
