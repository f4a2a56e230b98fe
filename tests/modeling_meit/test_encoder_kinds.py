"""The encoders of appendix A.3 by kind: sizes, starts, precision, saving."""

import math

import pytest
import torch
from torch import nn

from modeling_meit.configuration_ecg_encoder import PRESETS, EcgEncoderConfig
from modeling_meit.configuration_meit import MeitConfig
from modeling_meit.ecg_encoder_vision_mamba import ScaledLinear, StateSpace
from modeling_meit.ecg_encoder_vit import VitBlock
from modeling_meit.ecg_encoders import ECG_ENCODERS, build_ecg_encoder
from modeling_meit.modeling_meit import MeitForCausalLM
from tests.tiny import tiny_backbone, tiny_ecg, tiny_model
from tests.tiny_encoders import TINY_ENCODERS, tiny_encoder_config

every_kind = pytest.mark.parametrize("encoder", TINY_ENCODERS)


def size(module):
    return sum(parameter.numel() for parameter in module.parameters())


# Patches of 75 samples of 12 leads: 900 * 768 + 768. A ViT-B block: 12 * 768^2 weights, 13 * 768 biases and norms.
VIT_B = 900 * 768 + 768 + 12 * (12 * 768**2 + 13 * 768) + 2 * 768
# A Vim-B block: projections, and each direction's convolution, selection, step, decays and skip.
DIRECTION = 1536 * 5 + 1536 * (48 + 32) + 48 * 1536 + 1536 + 16 * 1536 + 1536
VIM_B = 900 * 768 + 768 + 24 * (768 * 3072 + 1536 * 768 + 768 + 2 * DIRECTION) + 768


@pytest.mark.parametrize(
    ("encoder", "preset", "parameters", "samples", "features"),
    [
        ("temporal_conv", "paper", 15_959_168, 5000, (313, 2048)),
        ("vit", "paper", VIT_B, 5000, (67, 768)),
        ("vision_mamba", "paper", VIM_B, 5000, (67, 768)),
        ("temporal_conv", "small", 3_883_904, 1000, (32, 512)),
        ("vit", "small", 3_605_568, 1000, (50, 192)),
        ("vision_mamba", "small", 1_064_064, 1000, (50, 192)),
    ],
)
def test_presets(encoder, preset, parameters, samples, features):
    config = EcgEncoderConfig(kind=encoder, preset=preset)
    assert (config.num_samples, config.duration, len(config.leads)) == (samples, 10.0, 12)
    with torch.device("meta"):
        module = build_ecg_encoder(config)
        assert module(torch.empty(2, 12, samples)).shape == (2, *features)
    assert (module.hidden_size, size(module)) == (features[1], parameters)
    assert math.ceil(samples / module.samples_per_feature) == features[0]


def test_the_papers_counts():
    """86M (ViT) and 98M (Vision Mamba, whose count holds ImageNet's head of 1,000 classes and 197 positions)."""
    assert round(VIT_B / 1e6) == 86
    assert round((VIM_B + 769_000 + 197 * 768) / 1e6) == 98
    assert set(PRESETS) == set(ECG_ENCODERS)
    assert all(set(presets) == {"paper", "small"} for presets in PRESETS.values())


@every_kind
@torch.no_grad()
def test_features_are_in_the_order_of_time(encoder):
    """A change of the first second moves the first second's features most; a late one, the last second's."""
    module = tiny_model(ecg_config=tiny_encoder_config(encoder)).meit.ecg_encoder
    for start, where in ((0, slice(0, 0.12)), (900, slice(0.88, 1))):
        ecg, changed = tiny_ecg(1), tiny_ecg(1)
        changed[:, :, start : start + 100] += 3
        difference = (module(changed) - module(ecg)).abs().mean((0, 2))
        steps = len(difference)
        inside = difference[int(where.start * steps) : int(where.stop * steps)]
        assert inside.mean() > 3 * difference[int(0.3 * steps) : int(0.7 * steps)].mean()


@pytest.mark.parametrize("encoder", ["vit", "vision_mamba"])
@torch.no_grad()
def test_both_ends_reach_every_feature(encoder):
    """A ViT attends to all; a state space must read both ways."""
    module = tiny_model(ecg_config=tiny_encoder_config(encoder)).meit.ecg_encoder
    for part in (slice(0, 25), slice(975, 1000)):
        ecg, changed = tiny_ecg(1), tiny_ecg(1)
        changed[:, :, part] = 3.0
        assert (module(changed) - module(ecg)).abs().amax((0, 2)).min() > 0


def started_well(encoder):
    """Whether the parts that need their own start have it."""
    for module in encoder.modules():
        if isinstance(module, StateSpace):
            decays = torch.arange(1.0, module.state_size + 1).log()[:, None].expand_as(module.decay_log)
            torch.testing.assert_close(module.decay_log.detach(), decays)
            sizes = nn.functional.softplus(module.step.bias)
            assert 0.99e-3 < sizes.min() < sizes.max() < 1.01e-1
            assert (module.skip == 1).all()
        elif isinstance(module, VitBlock):
            bound = (6 / sum(module.mlp[0].weight.shape)) ** 0.5
            assert 0.9 * bound < module.mlp[0].weight.abs().max() <= bound
            assert (module.qkv.bias == 0).all()
        elif isinstance(module, ScaledLinear):
            bound = module.scale / module.in_features**0.5
            assert 0.9 * bound < module.weight.abs().max() <= bound


@pytest.mark.parametrize("encoder", ["vit", "vision_mamba"])
def test_an_encoder_starts_alike_by_itself_and_in_a_model(encoder, tmp_path):
    config = tiny_encoder_config(encoder)
    started_well(build_ecg_encoder(config))
    whole = MeitConfig(text_config=tiny_backbone().config, ecg_config=config)
    model = MeitForCausalLM(whole)
    started_well(model.meit.ecg_encoder)
    started_well(MeitForCausalLM.from_backbone(tiny_backbone(), config).meit.ecg_encoder)
    # Made on no device and filled where the checkpoint has nothing: a model of another head.
    state = {name: value for name, value in model.state_dict().items() if "ecg_encoder" not in name}
    model.save_pretrained(tmp_path, state_dict=state)
    started_well(MeitForCausalLM.from_pretrained(tmp_path).meit.ecg_encoder)


@every_kind
@torch.no_grad()
def test_saved_and_loaded_gives_the_same_bits(encoder, tmp_path):
    model, ecg = tiny_model(ecg_config=tiny_encoder_config(encoder)), tiny_ecg(2)
    model.save_pretrained(tmp_path)
    again = MeitForCausalLM.from_pretrained(tmp_path).eval()
    assert {**again.config.ecg_config.to_dict(), "dtype": None} == model.config.ecg_config.to_dict()
    assert torch.equal(again.meit.encode_ecg(ecg), model.meit.encode_ecg(ecg))


@every_kind
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@torch.no_grad()
def test_half_precision_runs(encoder, dtype):
    module, ecg = tiny_model(ecg_config=tiny_encoder_config(encoder)).meit.ecg_encoder, tiny_ecg(2)
    expected = module(ecg)
    mask = torch.ones_like(ecg, dtype=torch.bool)
    mask[1, :, 600:] = False
    assert module(ecg, mask).shape == expected.shape
    module.to(dtype)
    found = module(ecg.to(dtype), mask)
    assert found.dtype == dtype
    assert (found[0].float() - expected[0]).norm() < 0.1 * expected[0].norm()


@every_kind
def test_autocast_trains_every_weight(encoder):
    module, ecg = build_ecg_encoder(tiny_encoder_config(encoder, drop_path=0.1)).train(), tiny_ecg(6)
    with torch.autocast("cpu", torch.bfloat16):
        features = module(ecg)
    features.float().square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("encoder", ["vit", "vision_mamba"])
def test_whole_branches_are_dropped_in_training_only(encoder):
    module, ecg = build_ecg_encoder(tiny_encoder_config(encoder, drop_path=0.5)), tiny_ecg(4)
    torch.manual_seed(0)
    assert not torch.allclose(module.train()(ecg), module(ecg), atol=1e-3)
    assert torch.equal(module.eval()(ecg), module(ecg))


def test_an_old_configuration_means_what_it_meant(tmp_path):
    """As checkpoints/meit-ptbxl-small has it, saved before there were other kinds."""
    (tmp_path / "config.json").write_text(
        '{"kind": "temporal_conv", "preset": "small", "stem_width": 32, "model_type": "meit_ecg_encoder"}'
    )
    config = EcgEncoderConfig.from_pretrained(tmp_path)
    assert (config.stem_width, config.widths, config.kernel_size) == (32, [64, 96, 160, 256], 7)
    assert config.patch_size is None
    assert sorted(build_ecg_encoder(config).state_dict())[0].startswith("blocks.0.branch.0")


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match="hidden_size 16 of the ECG encoder does not divide by its num_heads 3"):
        build_ecg_encoder(tiny_encoder_config("vit", num_heads=3))
