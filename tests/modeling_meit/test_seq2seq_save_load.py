"""What is saved of an encoder-decoder opens anywhere and is the same model; an adapter of it too."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from transformers import AutoModelForCausalLM, AutoProcessor, AutoTokenizer

import modeling_meit
from meit_training.lora import lora_config
from modeling_meit.modeling_meit_seq2seq import MeitForConditionalGeneration
from modeling_meit.processing_meit import MeitProcessor
from tests.tiny import TINY_TOKENIZER, tiny_ecg, tiny_ecg_config, tiny_ids
from tests.tiny_seq2seq import (
    ENCODER_DECODERS,
    save_tiny_seq2seq_folder,
    tiny_encoder_decoder,
    tiny_seq2seq,
    tiny_seq2seq_processor,
)

HERE = Path(__file__).parent
CODE = Path(modeling_meit.__file__).parent
CORE = ("bart", "t5-gated")
EVERY = (*CORE, *(pytest.param(name, marks=pytest.mark.slow) for name in ENCODER_DECODERS if name not in CORE))
core = pytest.mark.parametrize("name", CORE)


@core
def test_a_strangers_process_opens_the_folder_twice(name, tmp_path):
    folder = save_tiny_seq2seq_folder(tmp_path / "model", name, num_ecg_tokens=2)
    ecg = np.random.default_rng(0).normal(size=(12, 5000)).astype(np.float32)
    processor, model, decoder_ids = tiny_seq2seq_processor(), tiny_seq2seq(name, num_ecg_tokens=2), tiny_ids(1, 4)
    inputs = processor(ecg, sampling_rate=500)
    with torch.no_grad():
        logits = model(**inputs, decoder_input_ids=decoder_ids).logits
        tokens = model.generate(**inputs, max_new_tokens=12)
    given = {"ecg": torch.from_numpy(ecg), "decoder_input_ids": decoder_ids, "threads": torch.get_num_threads()}
    torch.save(given, tmp_path / "inputs.pt")
    kept = {key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH", "OMP_NUM_THREADS") if key in os.environ}
    for trip in ("first", "second"):
        home, again = tmp_path / trip, tmp_path / f"saved-{trip}"
        home.mkdir()
        command = [sys.executable, "-I", HERE / "isolated_seq2seq.py", HERE.parents[1], folder]
        done = subprocess.run(
            [str(part) for part in (*command, tmp_path / "inputs.pt", home / "results.pt", again)],
            cwd=home,
            env={**kept, "HOME": str(home), "HF_HOME": str(home / "hf"), "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        found = torch.load(home / "results.pt")
        assert found["module"].startswith("transformers_modules.")
        assert all(torch.equal(found[key], value) for key, value in inputs.items())
        assert torch.equal(found["logits"], logits)
        assert torch.equal(found["tokens"], tokens)
        assert found["report"] == processor.post_process_reports(tokens[:, 1:])
        assert len(found["report"][0]) > 3
        check_folder(again, like=folder)
        folder = again


def check_folder(folder, like):
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in like.iterdir())
    code = {path.name for path in folder.glob("*.py")}
    assert all((folder / name).read_bytes() == (CODE / name).read_bytes() for name in code)
    assert "modeling_meit_seq2seq.py" in code
    assert "modeling_meit.py" not in code
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == ["MeitForConditionalGeneration"]
    assert config["is_encoder_decoder"] is True
    assert config["auto_map"] == {
        "AutoConfig": "configuration_meit.MeitConfig",
        "AutoModelForSeq2SeqLM": "modeling_meit_seq2seq.MeitForConditionalGeneration",
    }


def test_it_does_not_open_as_a_causal_model(tmp_path):
    folder = save_tiny_seq2seq_folder(tmp_path / "model")
    with pytest.raises(ValueError, match="AutoModelForCausalLM"):
        AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)


@pytest.mark.parametrize("name", EVERY)
@torch.no_grad()
def test_saved_weights_are_whole(name, right, tmp_path):
    """Tied tables, T5 1.1's unscaled head and BART's bias of the logits among them."""
    model, decoder_ids = tiny_seq2seq(name), tiny_ids(3, 5)
    model.save_pretrained(tmp_path)
    loaded, problems = MeitForConditionalGeneration.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(problems.values()), problems
    ours, theirs = (part(**right.inputs, decoder_input_ids=decoder_ids).logits for part in (model, loaded))
    assert torch.equal(ours, theirs)
    assert loaded.get_output_embeddings().weight is loaded.get_input_embeddings().weight
    names = set(loaded.state_dict())
    assert {key.split(".")[1] for key in names} == {"ecg_encoder", "projector", "backbone"}
    assert {key.split(".")[0] for key in names} == {"meit"}


@core
@pytest.mark.parametrize("given", ["model", "folder"])
@torch.no_grad()
def test_from_backbone_leaves_its_weights_alone(name, given, tmp_path):
    backbone = tiny_encoder_decoder(name)
    backbone.generation_config.max_new_tokens = 7
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    if given == "folder":
        backbone.save_pretrained(tmp_path)
    model = MeitForConditionalGeneration.from_backbone(
        str(tmp_path) if given == "folder" else backbone, tiny_ecg_config(), num_ecg_tokens=2
    )
    after = model.meit.backbone.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert (model.meit.backbone is backbone) == (given != "folder")
    assert (model.config.num_ecg_tokens, model.generation_config.max_new_tokens, model.training) == (2, 7, False)


@core
@torch.no_grad()
def test_encoder_stays_in_single_precision_beside_a_bf16_backbone(name, right, tmp_path):
    tiny_seq2seq(name).save_pretrained(tmp_path)
    loaded = MeitForConditionalGeneration.from_pretrained(tmp_path, dtype=torch.bfloat16)
    for key, part in loaded.named_parameters():
        ecg = key.startswith(("meit.ecg_encoder", "meit.projector"))
        assert part.dtype == (torch.float32 if ecg else torch.bfloat16), key
    assert loaded(**right.inputs, decoder_input_ids=tiny_ids(3, 4)).logits.isfinite().all()


@core
@torch.no_grad()
def test_vocabulary_can_grow(name, right, tmp_path):
    model = tiny_seq2seq(name)
    before = model(**right.inputs, decoder_input_ids=tiny_ids(3, 4)).logits
    model.resize_token_embeddings(330)
    model.save_pretrained(tmp_path)
    loaded = MeitForConditionalGeneration.from_pretrained(tmp_path)
    assert loaded.config.text_config.vocab_size == 330
    logits = loaded(**right.inputs, decoder_input_ids=tiny_ids(3, 4)).logits
    torch.testing.assert_close(logits[..., :320], before, atol=1e-5, rtol=0)


def adapted(name):
    return get_peft_model(tiny_seq2seq(name), lora_config({"task_type": "SEQ_2_SEQ_LM", "r": 4}))


@core
def test_lora_learns_is_saved_reloaded_and_merged(name, right, tmp_path):
    torch.manual_seed(0)
    model = adapted(name)
    adapters = {key for key, part in model.get_base_model().named_modules() if isinstance(part, LoraLayer)}
    linear = {
        key
        for key, part in tiny_seq2seq(name).named_modules()
        if isinstance(part, torch.nn.Linear) and key.startswith("meit.backbone") and "lm_head" not in key
    }
    assert adapters == linear
    model.train()
    optimizer = torch.optim.SGD([value for value in model.parameters() if value.requires_grad], lr=0.1)
    for _ in range(2):  # until the first step, LoRA's B is zero and its A has no gradient
        optimizer.zero_grad()
        model(**right.inputs, labels=tiny_ids(3, 6)).loss.backward()
        optimizer.step()
    for key, value in model.named_parameters():
        if "lora_" in key and (".k" in key or ".v" in key):
            assert value.grad.abs().max() > 0, key
    model.eval()
    inputs = {**right.inputs, "decoder_input_ids": tiny_ids(3, 5)}
    with torch.no_grad():
        expected = model(**inputs).logits
        tokens = model.generate(**right.inputs, max_new_tokens=4)
        model.save_pretrained(tmp_path / "adapter")
        again = PeftModel.from_pretrained(tiny_seq2seq(name), tmp_path / "adapter").eval()
        assert torch.equal(again(**inputs).logits, expected)
        assert torch.equal(again.generate(**right.inputs, max_new_tokens=4), tokens)
        again.merge_and_unload().save_pretrained(tmp_path / "merged")
        merged = MeitForConditionalGeneration.from_pretrained(tmp_path / "merged")
        torch.testing.assert_close(merged(**inputs).logits, expected, atol=2e-5, rtol=1e-5)
        assert not torch.allclose(tiny_seq2seq(name)(**inputs).logits, expected, atol=1e-3)


@pytest.fixture
def tokenizer():
    return AutoTokenizer.from_pretrained(TINY_TOKENIZER)


def test_the_plain_processor_reads_the_bare_prompt(tokenizer, tmp_path):
    processor = tiny_seq2seq_processor()
    ecg = tiny_ecg(2, samples=1000).numpy()
    prompts = ["Interpret this ECG.", "Describe the rhythm and write a report of it in English."]
    inputs = processor(list(ecg), prompts, sampling_rate=100)
    for row, prompt in enumerate(prompts):
        expected = tokenizer(prompt)["input_ids"]
        length = len(expected)
        assert inputs["input_ids"][row, :length].tolist() == expected
        assert inputs["attention_mask"][row].tolist() == [1] * length + [0] * (inputs["input_ids"].shape[1] - length)
    turn = [{"role": "user", "content": prompts[0]}]
    assert torch.equal(processor(text=turn)["input_ids"][0], torch.tensor(tokenizer(prompts[0])["input_ids"]))
    with pytest.raises(ValueError, match="reads one instruction"):
        processor(text=[*turn, {"role": "assistant", "content": "Sinus rhythm."}])
    processor.save_pretrained(tmp_path)
    again = AutoProcessor.from_pretrained(tmp_path, trust_remote_code=True)
    assert (again.plain_prompt, again.tokenizer.padding_side, again.tokenizer.chat_template) == (True, "right", None)
    found = again(list(ecg), prompts, sampling_rate=100)
    assert all(torch.equal(found[key], value) for key, value in inputs.items())
    assert AutoTokenizer.from_pretrained(tmp_path).padding_side == "right"
    assert not MeitProcessor(processor.feature_extractor, tokenizer).plain_prompt


def test_the_plain_processor_needs_an_end_token(tokenizer):
    tokenizer.eos_token = None
    with pytest.raises(ValueError, match="no eos_token"):
        MeitProcessor(tiny_seq2seq_processor().feature_extractor, tokenizer, plain_prompt=True)


def test_lora_config_takes_the_kind_of_task():
    config = lora_config({"task_type": "SEQ_2_SEQ_LM", "r": 4})
    assert isinstance(config, LoraConfig)
    assert config.task_type == "SEQ_2_SEQ_LM"
