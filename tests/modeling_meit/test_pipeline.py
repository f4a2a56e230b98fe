"""`pipeline("ecg-to-text")`: every form of input, batches, arguments of generate, and what it refuses."""

import json
import sys

import numpy as np
import pytest
import torch
from transformers import pipeline

from modeling_meit.ecg_signal import STANDARD_LEADS
from modeling_meit.pipeline_meit import EcgToTextPipeline
from tests.made_up_ecg import write_record
from tests.tiny import save_tiny_model_folder, tiny_ecg, tiny_model, tiny_processor
from tests.tiny_seq2seq import save_tiny_seq2seq_folder

NEW = {"max_new_tokens": 12}


@pytest.fixture(scope="module")
def write():
    """A pipeline on a tiny model, whose reports depend on ECG and prompt."""
    return EcgToTextPipeline(tiny_model(num_ecg_tokens=2), tiny_processor())


@pytest.fixture(scope="module")
def ecgs():
    return tiny_ecg(3, samples=1000).numpy()


def by_hand(write, ecg, prompt=None, **kwargs):
    inputs = write.processor(ecg, text=prompt, sampling_rate=100)
    output = write.model.generate(**inputs, **NEW, **kwargs)
    return [
        {"report": text} for text in write.processor.post_process_reports(output[:, inputs["input_ids"].shape[1] :])
    ]


def test_one_recording_in_every_form(write, ecgs):
    ecg = ecgs[0]
    expected = by_hand(write, ecg)
    assert len(expected[0]["report"]) > 3
    turned = list(reversed(STANDARD_LEADS))
    forms = {
        "array": ecg,
        "tensor": torch.from_numpy(ecg),
        "nested list": ecg.tolist(),
        "dict": {"ecg": ecg, "sampling_rate": 100},
        "dict beats the call": {"ecg": ecg[:, ::-1][:, ::-1], "sampling_rate": 100, "lead_names": STANDARD_LEADS},
        "other order": {"ecg": ecg[::-1].copy(), "lead_names": turned},
        "None is not given": {"ecg": ecg, "prompt": None},
    }
    for name, form in forms.items():
        assert write(form, sampling_rate=100, **NEW) == expected, name
    assert write(ecg[::-1].copy(), sampling_rate=100, lead_names=turned, **NEW) == expected
    microvolts = (ecg * 1000).astype(np.int16)
    assert write(microvolts, sampling_rate=100, **NEW) == by_hand(write, microvolts)


def test_several_recordings(write, ecgs):
    expected = [by_hand(write, ecg) for ecg in ecgs]
    assert len({report["report"] for one in expected for report in one}) == 3
    for several in (ecgs, torch.from_numpy(ecgs), list(ecgs), tuple(ecgs), [{"ecg": ecg} for ecg in ecgs]):
        for size in (1, 2):
            assert write(several, sampling_rate=100, batch_size=size, **NEW) == expected
    lazily = write((ecg for ecg in ecgs), sampling_rate=100, **NEW)
    assert not isinstance(lazily, list)
    assert list(lazily) == expected


def test_prompts_of_unequal_length_in_one_batch(write, ecgs):
    prompts = ["Go.", "Write the report of this ECG in English, please.", [{"role": "user", "content": "Sinus?"}]]
    expected = [by_hand(write, ecg, prompt) for ecg, prompt in zip(ecgs, prompts, strict=True)]
    records = [{"ecg": ecg, "prompt": prompt} for ecg, prompt in zip(ecgs, prompts, strict=True)]
    for size in (1, 3):
        assert write(records, sampling_rate=100, batch_size=size, **NEW) == expected
    assert write(ecgs[0], sampling_rate=100, prompt=prompts[1], **NEW) == by_hand(write, ecgs[0], prompts[1])
    assert by_hand(write, ecgs[0], prompts[1]) != by_hand(write, ecgs[0], prompts[0])


def test_an_encoder_decoder(ecgs, tmp_path):
    folder = save_tiny_seq2seq_folder(tmp_path / "model", num_ecg_tokens=2)
    write = pipeline("ecg-to-text", model=str(folder), trust_remote_code=True)
    assert type(write.model).__name__ == "MeitForConditionalGeneration"
    prompts = ["Go.", "Write the report of this ECG in English, please.", "Sinus rhythm?"]
    expected = []
    for ecg, prompt in zip(ecgs, prompts, strict=True):
        output = write.model.generate(**write.processor(ecg, text=prompt, sampling_rate=100))
        expected.append([{"report": text} for text in write.processor.post_process_reports(output)])
    assert len({one[0]["report"] for one in expected}) == 3
    records = [{"ecg": ecg, "prompt": prompt} for ecg, prompt in zip(ecgs, prompts, strict=True)]
    for size in (1, 3):
        assert write(records, sampling_rate=100, batch_size=size) == expected
    write.save_pretrained(tmp_path / "again")
    assert pipeline(model=str(tmp_path / "again"), trust_remote_code=True)(records[0], sampling_rate=100) == expected[0]


def test_arguments_of_generate(write, ecgs):
    beams = {"num_beams": 3, "num_return_sequences": 2}
    assert write(ecgs[0], sampling_rate=100, **NEW, **beams) == by_hand(write, ecgs[0], **beams)
    both = write(ecgs[:2], sampling_rate=100, batch_size=2, **NEW, **beams)
    assert both == [by_hand(write, ecg, **beams) for ecg in ecgs[:2]]
    assert write(ecgs[0], sampling_rate=100, return_dict_in_generate=True, **NEW) == by_hand(write, ecgs[0])
    fixed = EcgToTextPipeline(write.model, write.processor, sampling_rate=100, prompt="Go.", **NEW)
    assert fixed(ecgs[0]) == by_hand(write, ecgs[0], "Go.")
    with pytest.raises(ValueError, match="temprature"):
        write(ecgs[0], sampling_rate=100, temprature=2)


@pytest.mark.parametrize(("own", "used"), [(None, 256), (12, None)])
def test_a_report_is_not_cut_after_20_tokens(monkeypatch, ecgs, own, used):
    model = tiny_model()
    model.generation_config.max_new_tokens = own
    given = {}

    def generate(**kwargs):
        given.update(kwargs)
        return kwargs["input_ids"]

    monkeypatch.setattr(model, "generate", generate)
    EcgToTextPipeline(model, tiny_processor())(ecgs[0], sampling_rate=100)
    assert given.get("max_new_tokens") == used


def test_wfdb_records(write, tmp_path):
    signal = np.random.default_rng(0).normal(0, 0.5, (12, 5000)).round(2)
    for name, factor, units in (("mv", 1, "mV"), ("uv", 1000, "uV")):
        (tmp_path / name).mkdir()
        write_record(tmp_path / name, signal=signal * factor, units=units, gain=1000 / factor)
    record = tmp_path / "mv" / "made_up"
    expected = write(signal, sampling_rate=500, **NEW)
    for path in (record, str(record), record.with_suffix(".hea"), tmp_path / "uv" / "made_up"):
        assert write(path, **NEW) == expected
    assert write([str(record)], prompt="Go.", **NEW) == [write(signal, sampling_rate=500, prompt="Go.", **NEW)]
    (tmp_path / "text.hea").write_text("sinus rhythm\n")
    with pytest.raises(ValueError, match="cannot be read as a WFDB record"):
        write(tmp_path / "text")


def test_without_wfdb_a_path_says_what_to_install(write, monkeypatch, tmp_path):
    write_record(tmp_path)
    monkeypatch.setitem(sys.modules, "wfdb", None)
    with pytest.raises(ImportError, match="pip install wfdb"):
        write(tmp_path / "made_up")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "empty"),
        (None, "a recording is a NoneType, expected an array"),
        ({"signal": 1}, "has the keys signal; expected ecg"),
        ({"ecg": np.ones((12, 1000)), "rate": 500}, "has the keys ecg, rate"),
        ("nowhere/record", "no file record.hea"),
        (np.random.default_rng(0).normal(size=(11, 1000)), r"\(11, 1000\)"),
        (np.zeros((12, 1000)), "are flat"),
        ({"ecg": np.random.default_rng(0).normal(size=(2, 12, 1000))}, "holds 2 ECGs"),
    ],
)
def test_what_cannot_be_read_is_said(write, given, message):
    with pytest.raises(ValueError, match=message):
        write(given, sampling_rate=100)


def test_no_rate_and_no_processor(write, ecgs):
    with pytest.raises(ValueError, match="no sampling_rate was given"):
        write(ecgs[0])
    for processor in (None, write.processor.tokenizer):
        with pytest.raises(ValueError, match="expected the model's MeitProcessor"):
            EcgToTextPipeline(write.model, processor)


def test_a_saved_folder_opens_as_a_pipeline_and_can_be_saved_again(ecgs, tmp_path):
    folder = save_tiny_model_folder(tmp_path / "model", num_ecg_tokens=2)
    write = pipeline("ecg-to-text", model=str(folder), trust_remote_code=True)
    assert type(write).__module__.startswith("transformers_modules.")
    expected = write(ecgs[0], sampling_rate=100)
    # Opening has put classes into the configuration, which no JSON can hold.
    write.model.save_pretrained(tmp_path / "again")
    write.processor.save_pretrained(tmp_path / "again")
    write.save_pretrained(tmp_path / "whole")
    for name in ("again", "whole"):
        assert {p.name for p in (tmp_path / name).iterdir()} == {p.name for p in folder.iterdir()}
        configs = [json.loads((place / "config.json").read_text()) for place in (tmp_path / name, folder)]
        for part in ("auto_map", "custom_pipelines"):
            assert configs[0][part] == configs[1][part], part
        opened = pipeline(model=str(tmp_path / name), trust_remote_code=True)
        assert opened(ecgs[0], sampling_rate=100) == expected
    with pytest.raises(ValueError, match="trust_remote_code"):
        pipeline("ecg-to-text", model=str(folder), trust_remote_code=False)
