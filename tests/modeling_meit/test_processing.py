"""`MeitProcessor`: which texts go with which ECGs, the tokens that come out, and the folder every Auto class opens."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoFeatureExtractor, AutoProcessor, AutoTokenizer

from modeling_meit.feature_extraction_meit import MeitFeatureExtractor
from modeling_meit.processing_meit import DEFAULT_PROMPT, MeitProcessor

TINY = Path(__file__).parents[1] / "assets" / "tiny_tokenizer"
CONVERSATION = [{"role": "system", "content": "You read ECGs."}, {"role": "user", "content": "What is it?"}]


@pytest.fixture
def processor():
    extractor = MeitFeatureExtractor(sampling_rate=100, duration=1.0)
    return MeitProcessor(extractor, AutoTokenizer.from_pretrained(TINY))


@pytest.fixture
def ecg():
    noise = np.random.default_rng(0).normal(size=(3, 12, 100))
    return np.round(noise * 300).astype(np.int16)


def texts(processor, inputs):
    return [text.replace("<pad>", "") for text in processor.batch_decode(inputs.input_ids)]


def test_an_ecg_alone_gets_the_default_prompt(processor, ecg):
    inputs = processor(ecg[0], sampling_rate=100)
    assert list(inputs) == ["input_ids", "attention_mask", "ecg_values", "ecg_mask"]
    assert texts(processor, inputs) == [f"<|user|>: {DEFAULT_PROMPT} <|assistant|>:"]
    assert inputs.input_ids.dtype == torch.int64
    assert inputs.ecg_values.shape == inputs.ecg_mask.shape == (1, 12, 100)
    assert torch.equal(inputs.ecg_values[0], torch.from_numpy((ecg[0] / 1000).astype(np.float32)))


def test_a_text_alone(processor):
    inputs = processor(text="What is it?")
    assert list(inputs) == ["input_ids", "attention_mask"]
    # fmt: off
    assert inputs.input_ids.tolist() == [
        [259, 277, 261, 318, 287, 223, 262, 223, 75, 86, 33, 272, 281, 261]
    ]
    # fmt: on


def test_forms_of_text(processor, ecg):
    one = "<|user|>: What is it? <|assistant|>:"
    talk = "<|system|>: You read ECGs. <|user|>: What is it? <|assistant|>:"
    for text, expected in (
        ("What is it?", [one] * 3),
        (["What is it?"], [one] * 3),
        (CONVERSATION, [talk] * 3),
        ([CONVERSATION], [talk] * 3),
        (["What is it?", CONVERSATION, "What is it?"], [one, talk, one]),
    ):
        inputs = processor(ecg, text, sampling_rate=100)
        assert texts(processor, inputs) == expected
        assert inputs.ecg_values.shape == (3, 12, 100)


def test_batches_are_padded_on_the_left(processor, ecg):
    inputs = processor(ecg[:2], ["Why?", "What is it, then?"], sampling_rate=100)
    missing = int((inputs.attention_mask[0] == 0).sum())
    assert missing > 0
    assert inputs.attention_mask[0].tolist() == [0] * missing + [1] * (inputs.input_ids.shape[1] - missing)
    assert (inputs.input_ids[0, :missing] == processor.tokenizer.pad_token_id).all()
    assert inputs.input_ids[0, -1] == inputs.input_ids[1, -1]


def test_the_tokens_are_those_of_training(processor):
    data_utils = pytest.importorskip("trl.data_utils", reason="trl comes with the extra [train]")
    trained = data_utils._tokenize(processor.tokenizer, CONVERSATION, add_generation_prompt=True)["input_ids"]
    assert processor(text=CONVERSATION).input_ids.tolist() == [trained]
    whole = [*CONVERSATION, {"role": "assistant", "content": "Sinus rhythm."}]
    trained = data_utils._tokenize(processor.tokenizer, whole)["input_ids"]
    assert processor(text=whole, add_generation_prompt=False).input_ids.tolist() == [trained]
    assert processor.apply_chat_template(whole, return_dict=True)["input_ids"] == trained


@pytest.mark.parametrize(
    ("count", "text", "message"),
    [
        (0, None, "neither ecg nor text was given"),
        (3, ["a", "b"], "3 ECGs but 2 texts; give one text, or one for each ECG"),
        (1, ["a", "b"], "1 ECGs but 2 texts"),
        (1, [], "expected a str, a conversation or a list"),
        (1, 7, "text is 7, expected"),
        (1, [7], "a text is 7, expected"),
        (1, [{"role": "user"}], "expected a str or a list of {'role'"),
        (1, [{"role": "user", "content": ["x"]}], "expected a str or a list of {'role'"),
        (1, "  ", "is empty; leave it out or write it"),
    ],
)
def test_what_does_not_match_is_refused(processor, ecg, count, text, message):
    with pytest.raises(ValueError, match=message):
        processor(ecg[:count] if count else None, text, sampling_rate=100)


def test_the_rate_and_the_leads_reach_the_extractor(processor, ecg):
    with pytest.raises(ValueError, match="no sampling_rate was given"):
        processor(ecg)
    with pytest.raises(ValueError, match="leads missing V6"):
        processor(ecg, sampling_rate=100, lead_names=[*processor.feature_extractor.leads[:-1], "V5"])


def test_reports_come_back_bare(processor):
    tokenizer = processor.tokenizer
    ids = tokenizer([" Sinus rhythm. Überleitung normal.</s>", " Normal ECG.</s>"], padding=True, return_tensors="pt")
    reports = ["Sinus rhythm. Überleitung normal.", "Normal ECG."]
    assert processor.post_process_reports(ids.input_ids) == reports
    assert processor.post_process_reports(ids.input_ids.tolist()) == reports
    assert processor.post_process_reports(ids.input_ids.numpy()[0]) == reports[:1]
    assert processor.post_process_reports([" Sinus  rhythm.</s><pad>"]) == ["Sinus rhythm."]
    assert processor.post_process_reports(" Sinus rhythm. <|user|>: more") == ["Sinus rhythm."]
    assert processor.post_process_reports([]) == []
    whole = processor(text=[*CONVERSATION, {"role": "assistant", "content": "Normal."}], add_generation_prompt=False)
    assert processor.post_process_reports(whole.input_ids) == ["Normal."]


def test_one_folder_for_every_auto_class(tmp_path, processor, ecg):
    processor.default_prompt = "Report this ECG in English."
    processor.save_pretrained(tmp_path)
    again = AutoProcessor.from_pretrained(tmp_path, trust_remote_code=True)
    assert type(again).__name__ == "MeitProcessor"
    assert again.default_prompt == "Report this ECG in English."
    before, after = processor(ecg, sampling_rate=100), again(ecg, sampling_rate=100)
    for name in before:
        assert torch.equal(before[name], after[name]), name
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer.padding_side == "left"
    assert tokenizer.chat_template == again.chat_template == processor.tokenizer.chat_template
    extractor = AutoFeatureExtractor.from_pretrained(tmp_path, trust_remote_code=True)
    assert (extractor.sampling_rate, extractor.duration) == (100, 1.0)
    again.save_pretrained(tmp_path / "twice")
    for file in tmp_path.glob("*.py"):
        assert (tmp_path / "twice" / file.name).read_bytes() == file.read_bytes()
    twice = AutoProcessor.from_pretrained(tmp_path / "twice", trust_remote_code=True)
    assert twice.default_prompt == "Report this ECG in English."


def test_a_process_without_this_project_opens_the_folder(tmp_path, processor, ecg):
    processor.save_pretrained(tmp_path / "model")
    np.save(tmp_path / "ecg.npy", ecg)
    script = """
import sys, numpy as np
from transformers import AutoFeatureExtractor, AutoProcessor, AutoTokenizer
processor = AutoProcessor.from_pretrained("model", trust_remote_code=True)
AutoTokenizer.from_pretrained("model", trust_remote_code=True)
AutoFeatureExtractor.from_pretrained("model", trust_remote_code=True)
inputs = processor(np.load("ecg.npy"), sampling_rate=500, padding=True)
assert "modeling_meit" not in sys.modules and inputs.ecg_values.shape == (3, 12, 100)
print(inputs.input_ids[0].tolist())
"""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"HF_HUB_OFFLINE": "1", "HF_MODULES_CACHE": str(tmp_path / "modules")}
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(processor(ecg[0], sampling_rate=100).input_ids[0].tolist())


def test_a_given_template_replaces_the_tokenizers_own(tmp_path, processor):
    template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    own = MeitProcessor(processor.feature_extractor, AutoTokenizer.from_pretrained(TINY), chat_template=template)
    own.save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path).chat_template == template
    again = AutoProcessor.from_pretrained(tmp_path, trust_remote_code=True)
    assert texts(again, again(text="Why?")) == ["Why?"]
