"""The paper's encoder: its size, the order of time, scales, and what it refuses."""

import pytest
import torch

from modeling_meit.configuration_ecg_encoder import EcgEncoderConfig
from modeling_meit.configuration_meit import MeitConfig
from modeling_meit.ecg_encoder_temporal_conv import Bottleneck
from modeling_meit.ecg_encoders import ECG_ENCODERS, build_ecg_encoder
from modeling_meit.modeling_meit import MeitModel
from tests.tiny import tiny_backbone, tiny_ecg, tiny_ecg_config, tiny_model


def test_paper_encoder_has_the_papers_size():
    """20.4 million with the projector, at the head dimension of 128 that LLaMA-2 7B has."""
    text = tiny_backbone("llama", hidden_size=512, num_attention_heads=4).config
    with torch.device("meta"):
        model = MeitModel(MeitConfig(text_config=text, ecg_config=EcgEncoderConfig(preset="paper")))
    parts = (model.ecg_encoder, model.projector)
    assert sum(p.numel() for part in parts for p in part.parameters()) == 20_422_144
    assert model.config.ecg_head_dim == 128


@torch.no_grad()
def test_features_and_tokens_keep_the_order_of_time():
    model = tiny_model(num_ecg_tokens=4)
    ecg, changed = tiny_ecg(1), tiny_ecg(1)
    changed[:, :, 850:] = 3.0
    difference = (model.meit.ecg_encoder(changed) - model.meit.ecg_encoder(ecg)).abs().amax((0, 2))
    assert difference.shape == (125,)  # 8 samples each
    assert difference[:100].max() == 0
    assert difference[108:].min() > 0
    tokens = (model.meit.encode_ecg(changed) - model.meit.encode_ecg(ecg)).abs().amax((0, 2))
    assert tokens[:3].max() < 1e-6 < 1e-2 < tokens[3]


@torch.no_grad()
def test_rows_of_a_batch_do_not_mix():
    model, ecg = tiny_model(), tiny_ecg(3)
    together = model.meit.encode_ecg(ecg)
    for row in range(3):
        torch.testing.assert_close(together[row], model.meit.encode_ecg(ecg[row : row + 1])[0], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_scale_of_the_embedding():
    plain, unit, rms = (tiny_model(ecg_norm=norm).meit.encode_ecg(tiny_ecg(2)) for norm in ("none", "l2", "rms"))
    torch.testing.assert_close(unit.norm(dim=-1), torch.ones(2, 1))
    torch.testing.assert_close(rms.square().mean(-1), torch.ones(2, 1))
    torch.testing.assert_close(torch.cosine_similarity(plain, rms, dim=-1), torch.ones(2, 1))


@pytest.mark.parametrize("shape", [(2, 12, 999), (2, 11, 1000), (12, 1000), (2, 1000, 12)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(
        ValueError, match=r"ecg_values has shape .*expected \(batch, 12, 1000\): 10 s at 100 Hz"
    ) as error:
        tiny_model().meit.encode_ecg(torch.zeros(shape))
    assert str(shape) in str(error.value)


def test_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"ecg_mask has shape \(2, 12\), expected \(2, 12, 1000\)"):
        tiny_model().meit.encode_ecg(tiny_ecg(2), torch.ones(2, 12, dtype=torch.bool))


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=rf"kind 'resnet' is unknown; choose one of .*{sorted(ECG_ENCODERS)[0]}"):
        build_ecg_encoder(tiny_ecg_config(kind="resnet"))
    with pytest.raises(ValueError, match=r"preset 'large' .* choose one of \['paper', 'small'\]"):
        EcgEncoderConfig(preset="large")
    with pytest.raises(ValueError, match="fusion 'concat' is unknown; choose one of"):
        MeitConfig(fusion="concat")
    with pytest.raises(ValueError, match="ecg_norm 'batch' is unknown; choose one of"):
        MeitConfig(ecg_norm="batch")
    with pytest.raises(ValueError, match="num_ecg_tokens is 0"):
        MeitConfig(num_ecg_tokens=0)


def test_regularisers_work_in_training_only():
    ecg = tiny_ecg(4)
    model = tiny_model(ecg_config=tiny_ecg_config(dropout=0.5, drop_path=0.5))
    assert torch.equal(model.meit.encode_ecg(ecg), model.meit.encode_ecg(ecg))
    model.train()
    assert not torch.allclose(model.meit.encode_ecg(ecg), model.meit.encode_ecg(ecg), atol=1e-3)


def test_shortcut_is_the_strided_convolution():
    block = Bottleneck(8, 8, 16, 7, 2, drop_path=0.0).eval()
    x = torch.randn(3, 8, 1, 501, generator=torch.Generator().manual_seed(0)).contiguous(
        memory_format=torch.channels_last
    )
    convolution, norm = block.shortcut
    expected = torch.relu(block.branch(x) + norm(torch.nn.functional.conv2d(x, convolution.weight, stride=(1, 2))))
    torch.testing.assert_close(block(x), expected)


def test_many_backward_passes_leave_the_heap_whole():
    encoder = build_ecg_encoder(tiny_ecg_config()).train()
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for _ in range(100):
            encoder(tiny_ecg(3)).square().mean().backward()
    finally:
        torch.set_num_threads(threads)
