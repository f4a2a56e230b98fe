"""What is saved opens anywhere and is the same model: in a stranger's process, in half precision, from a backbone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

import modeling_meit
from modeling_meit.modeling_meit import MeitForCausalLM, MeitModel
from tests.tiny import save_tiny_model_folder, tiny_backbone, tiny_ecg_config, tiny_ids, tiny_model, tiny_processor

HERE = Path(__file__).parent
CODE = Path(modeling_meit.__file__).parent


def open_as_a_stranger(folder, ecg, tmp_path, again):
    """Tensors and summary of isolated.py, run in a process that has neither this project nor its cache."""
    results = tmp_path / "results"
    results.mkdir(parents=True)
    np.save(results / "ecg.npy", ecg)
    (results / "threads.json").write_text(json.dumps(torch.get_num_threads()))
    (tmp_path / "elsewhere").mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "OMP_NUM_THREADS") if name in os.environ}
    home = {"HOME": tmp_path, "HF_HOME": tmp_path / "hf", "HF_MODULES_CACHE": tmp_path / "hf" / "modules"}
    command = [sys.executable, "-I", HERE / "isolated.py", HERE.parents[1], folder, results, again]
    done = subprocess.run(
        [str(part) for part in command],
        cwd=tmp_path / "elsewhere",
        env={**kept, **{name: str(path) for name, path in home.items()}, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return torch.load(results / "tensors.pt"), json.loads((results / "summary.json").read_text())


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder, an ECG as it comes from a device, and what the model made of it before it was saved."""
    folder = save_tiny_model_folder(tmp_path_factory.mktemp("saved") / "model", num_ecg_tokens=2)
    ecg = np.random.default_rng(0).normal(size=(12, 5000)).astype(np.float32)
    processor = tiny_processor()
    model = tiny_model(num_ecg_tokens=2)
    inputs = processor(ecg, sampling_rate=500)
    with torch.no_grad():
        before = {"logits": model(**inputs).logits, "states": model.meit(**inputs).last_hidden_state}
        before["tokens"] = model.generate(**inputs, max_new_tokens=12)
    report = processor.post_process_reports(before["tokens"][:, inputs["input_ids"].shape[1] :])
    return folder, ecg, before, report


def test_a_strangers_process_opens_the_folder_twice(saved, tmp_path):
    folder, ecg, before, report = saved
    assert len(report[0]) > 3
    for round_trip in ("first", "second"):
        again = tmp_path / f"saved-{round_trip}"
        tensors, summary = open_as_a_stranger(folder, ecg, tmp_path / round_trip, again)
        for name, expected in before.items():
            assert torch.equal(tensors[name], expected), (round_trip, name)
        assert summary["report"] == report
        assert summary["ours"] == summary["others"] == []
        assert summary["sampling_rate"] == 100
        parts = {"MeitConfig", "MeitForCausalLM", "MeitModel", "MeitProcessor", "MeitFeatureExtractor"}
        assert summary["names"].keys() == parts
        assert all(module.startswith("transformers_modules.") for module in summary["names"].values())
        check_folder(again, like=folder)
        folder = again


def check_folder(folder, like):
    """The same files, with the same code, and every Auto class told where to look."""
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in like.iterdir())
    for path in folder.glob("*.py"):
        assert path.read_bytes() == (CODE / path.name).read_bytes(), path.name
    assert json.loads((folder / "config.json").read_text())["auto_map"] == {
        "AutoConfig": "configuration_meit.MeitConfig",
        "AutoModel": "modeling_meit.MeitModel",
        "AutoModelForCausalLM": "modeling_meit.MeitForCausalLM",
    }


def test_the_folder_is_complete(saved):
    check_folder(saved[0], like=saved[0])
    names = {path.name for path in saved[0].iterdir()}
    assert {"modeling_meit.py", "prefix_fusion.py", "ecg_encoder_temporal_conv.py", "model.safetensors"} <= names


@pytest.mark.parametrize("name", ["llama", "opt"])
@torch.no_grad()
def test_body_opens_from_either_checkpoint(name, left, tmp_path):
    """With a prefix of "model", AutoModel would silently leave these backbones' weights random."""
    model = tiny_model(name)
    expected = model.meit(**left.inputs).last_hidden_state
    model.save_pretrained(tmp_path / "whole")
    model.meit.save_pretrained(tmp_path / "body")
    for folder in ("whole", "body"):
        loaded = MeitModel.from_pretrained(tmp_path / folder)
        assert torch.equal(loaded(**left.inputs).last_hidden_state, expected)
    whole, problems = MeitForCausalLM.from_pretrained(tmp_path / "whole", output_loading_info=True)
    assert not any(problems.values()), problems
    assert whole.state_dict().keys() == model.state_dict().keys()


@torch.no_grad()
def test_tied_head_stays_tied(left, tmp_path):
    model = tiny_model("llama-tied")
    model.save_pretrained(tmp_path)
    loaded = MeitForCausalLM.from_pretrained(tmp_path)
    assert loaded.get_output_embeddings().weight is loaded.get_input_embeddings().weight
    assert torch.equal(loaded(**left.inputs).logits, model(**left.inputs).logits)


@pytest.mark.parametrize("name", ["llama", "llama-tied"])
@torch.no_grad()
def test_vocabulary_can_grow(name, left, tmp_path):
    model = tiny_model(name)
    before = model(**left.inputs).logits
    model.resize_token_embeddings(330)
    model.save_pretrained(tmp_path)
    loaded = MeitForCausalLM.from_pretrained(tmp_path)
    assert loaded.config.text_config.vocab_size == 330
    logits = loaded(**left.inputs, labels=left.input_ids).logits
    assert torch.equal(logits, model(**left.inputs).logits)
    torch.testing.assert_close(logits[..., :320], before, atol=1e-5, rtol=0)


def set_dtype(path, dtype):
    """Write `dtype` wherever config.json names one."""
    config = json.loads(path.read_text())
    for part in (config, config["text_config"], config["ecg_config"]):
        if "dtype" in part:
            part["dtype"] = dtype
    path.write_text(json.dumps(config))


@torch.no_grad()
def test_weights_stored_in_half_precision_open_in_single(left, tmp_path):
    """The shipped checkpoint is stored so: half the bytes, and single precision where it runs."""
    tiny_model().half().save_pretrained(tmp_path)
    assert {part.dtype for part in load_file(tmp_path / "model.safetensors").values()} == {torch.float16, torch.int64}
    set_dtype(tmp_path / "config.json", "float32")
    loaded = MeitForCausalLM.from_pretrained(tmp_path)
    assert {part.dtype for part in loaded.state_dict().values()} == {torch.float32, torch.int64}
    rounded = tiny_model()
    for part in rounded.state_dict().values():
        part.copy_(part.half())  # not rounded.half(): it would round the rotary frequencies too
    assert torch.equal(loaded(**left.inputs).logits, rounded(**left.inputs).logits)


@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16])
@torch.no_grad()
def test_encoder_stays_in_single_precision_beside_a_bf16_decoder(stored, left, tmp_path):
    model = tiny_model(backbone=tiny_backbone().to(stored))
    model.save_pretrained(tmp_path)
    loaded = MeitForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)
    for name, part in loaded.named_parameters():
        ecg = name.startswith(("meit.ecg_encoder", "meit.projector"))
        assert part.dtype == (torch.float32 if ecg else torch.bfloat16), name
    ecg = left.ecg_values
    assert torch.equal(loaded.meit.encode_ecg(ecg), model.meit.encode_ecg(ecg))
    difference = loaded(**left.inputs).logits.float() - model.float()(**left.inputs).logits
    assert difference.square().mean().sqrt() < 0.1
    back = MeitForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    assert {part.dtype for part in back.parameters()} == {torch.float32}


@torch.no_grad()
def test_attention_kind_is_chosen_on_loading_and_reaches_the_decoder(left, tmp_path):
    model = tiny_model()
    model.save_pretrained(tmp_path)
    for wanted in ("eager", "sdpa"):
        loaded = MeitForCausalLM.from_pretrained(tmp_path, attn_implementation=wanted)
        assert loaded.meit.backbone.config._attn_implementation == wanted
        text = left.attention_mask.bool()
        expected = model(**left.inputs).logits[text]
        torch.testing.assert_close(loaded(**left.inputs).logits[text], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("given", ["model", "folder", "model with new parts"])
@pytest.mark.parametrize("name", ["llama-tied", "gpt2"])
@torch.no_grad()
def test_from_backbone_leaves_its_weights_alone(name, given, tmp_path):
    backbone = tiny_backbone(name)
    backbone.generation_config.max_new_tokens = 7
    if given == "model with new parts":
        # Such as an adapter, which transformers takes for something that still wants its first weights.
        backbone.base_model.adapter = torch.nn.Linear(4, 4)
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    if given == "folder":
        backbone.save_pretrained(tmp_path)
    source = str(tmp_path) if given == "folder" else backbone
    model = MeitForCausalLM.from_backbone(source, tiny_ecg_config(), num_ecg_tokens=2)
    after = model.meit.backbone.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert (model.meit.backbone is backbone) == (given != "folder")
    assert model.config.num_ecg_tokens == 2
    assert model.generation_config.max_new_tokens == 7
    assert not model.training
    ids = tiny_ids(1, 5)
    assert torch.equal(model(input_ids=ids).logits, backbone(input_ids=ids).logits)


def test_new_model_has_usual_weights(tmp_path):
    """Of the encoder drawn, not empty memory; of the backbone its own architecture's."""
    model = tiny_model()
    torch.manual_seed(0)
    fresh = MeitForCausalLM(model.config)
    assert all(torch.isfinite(part).all() for part in fresh.state_dict().values())
    assert fresh.meit.backbone.model.layers[0].input_layernorm.weight.eq(1).all()
    assert 0.01 < fresh.meit.backbone.model.embed_tokens.weight.std() < 0.03
    assert 0.05 < fresh.meit.ecg_encoder.stem[0].weight.std() < 1
    norms = [part for part in fresh.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    assert all(norm.weight.eq(1).all() and norm.running_var.eq(1).all() for norm in norms)


@torch.no_grad()
def test_tokenizer_and_model_of_the_folder_fit(saved):
    tokenizer = AutoTokenizer.from_pretrained(saved[0])
    config = MeitForCausalLM.from_pretrained(saved[0]).config.text_config
    assert len(tokenizer) == config.vocab_size
    assert (tokenizer.eos_token_id, tokenizer.pad_token_id) == (config.eos_token_id, config.pad_token_id)
