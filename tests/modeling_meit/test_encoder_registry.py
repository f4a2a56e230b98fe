"""An encoder of one's own: registered, saved, loaded where it is known and where it is not."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from modeling_meit.ecg_encoders import ECG_ENCODERS, build_ecg_encoder, register_ecg_encoder
from modeling_meit.modeling_meit import MeitForCausalLM
from tests.tiny import save_tiny_model_folder, tiny_ecg, tiny_ecg_config, tiny_model


class Averages(nn.Module):
    """An encoder of one's own: mean millivolts of each lead and second."""

    def __init__(self, config):
        super().__init__()
        self.hidden_size = config.extra["width"]
        self.samples_per_feature = config.sampling_rate
        self.linear = nn.Linear(len(config.leads), self.hidden_size)

    def forward(self, ecg_values, ecg_mask=None):
        if ecg_mask is not None:
            ecg_values = ecg_values.masked_fill(~ecg_mask, 0)
        return self.linear(ecg_values.unfold(2, self.samples_per_feature, self.samples_per_feature).mean(3).mT)


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setitem(ECG_ENCODERS, "averages", None)  # taken out again afterwards
    register_ecg_encoder("averages", Averages)


def own_config():
    return tiny_ecg_config(kind="averages", extra={"width": 5})


@torch.no_grad()
def test_an_encoder_of_ones_own(registered, tmp_path):
    model, ecg = tiny_model(ecg_config=own_config(), num_ecg_tokens=2), tiny_ecg(2)
    assert model.meit.ecg_encoder(ecg).shape == (2, 10, 5)
    mask = torch.ones_like(ecg, dtype=torch.bool)
    mask[0, :, 600:] = False
    short = ecg[:1, :, :600].repeat(1, 1, 2)[:, :, :1000]
    assert torch.equal(model.meit.encode_ecg(ecg, mask)[:1], model.meit.encode_ecg(short, mask[:1]))
    model.save_pretrained(tmp_path)
    again = MeitForCausalLM.from_pretrained(tmp_path).eval()
    assert again.config.ecg_config.extra == {"width": 5}
    assert torch.equal(again.meit.encode_ecg(ecg), model.meit.encode_ecg(ecg))


def test_an_unregistered_encoder_is_named_on_loading(registered, tmp_path, monkeypatch):
    tiny_model(ecg_config=own_config()).save_pretrained(tmp_path)
    monkeypatch.delitem(ECG_ENCODERS, "averages")
    message = r"kind 'averages' is unknown; .*register_ecg_encoder\('averages', factory\) of modeling_meit\.ecg"
    with pytest.raises(ValueError, match=message):
        MeitForCausalLM.from_pretrained(tmp_path)


STRANGER = """
import importlib
import sys
import torch
from torch import nn
from transformers import AutoModelForCausalLM
from transformers.dynamic_module_utils import get_class_from_dynamic_module

class Averages(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.hidden_size = config.extra["width"]
        self.linear = nn.Linear(12, self.hidden_size)

    def forward(self, ecg_values, ecg_mask=None):
        return self.linear(ecg_values.unfold(2, 100, 100).mean(3).mT)

folder = sys.argv[1]
try:
    AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
except ValueError as error:
    assert "register_ecg_encoder('averages', factory) of transformers_modules" in str(error), error
else:
    raise AssertionError("loaded without its encoder")
model_class = get_class_from_dynamic_module("modeling_meit.MeitForCausalLM", folder)
package = model_class.__module__.rpartition(".")[0]
importlib.import_module(".ecg_encoders", package).register_ecg_encoder("averages", Averages)
model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True).eval()
print(model.meit.encode_ecg(torch.ones(1, 12, 1000)).sum().item())
"""


def test_an_encoder_is_registered_with_the_code_of_a_folder(registered, tmp_path):
    """A folder's own files are run there, so it is them that must know of it."""
    folder = save_tiny_model_folder(tmp_path / "model", ecg_config=own_config())
    (tmp_path / "stranger.py").write_text(STRANGER)
    done = subprocess.run(
        [sys.executable, "-I", tmp_path / "stranger.py", folder],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1", "PATH": str(Path(sys.executable).parent)},
    )
    assert done.returncode == 0, done.stderr
    model = MeitForCausalLM.from_pretrained(folder).eval()
    assert float(done.stdout) == pytest.approx(model.meit.encode_ecg(torch.ones(1, 12, 1000)).sum().item(), abs=1e-4)


@pytest.mark.parametrize(
    ("name", "factory", "message"),
    [
        ("vit", Averages, "'vit' is this package's own"),
        ("", Averages, "cannot be registered as ''"),
        (None, Averages, "cannot be registered as None"),
        ("mine", "Averages", "factory of ECG encoder 'mine' is a str, expected a function"),
    ],
)
def test_what_cannot_be_registered(name, factory, message):
    with pytest.raises(ValueError, match=message):
        register_ecg_encoder(name, factory)


@pytest.mark.parametrize(
    ("factory", "message"),
    [(lambda config: 3, "returned a int, expected an nn.Module"), (lambda config: nn.ReLU(), "has hidden_size None")],
)
def test_a_factory_that_makes_no_encoder_is_refused(registered, factory, message):
    register_ecg_encoder("averages", factory)
    with pytest.raises(ValueError, match=message):
        build_ecg_encoder(own_config())
