"""Occlusion finds the stretch that a model really reads, on hand-made, tiny and shipped models."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoProcessor

from checkpoints import shipped
from dataset_scripts.errors import EcgInputError
from dataset_scripts.simulation.recording import draw_recording, play
from eval_suite.occlusion import Occlusion, OcclusionCancelled, occlusion
from modeling_meit.ecg_signal import STANDARD_LEADS
from modeling_meit.feature_extraction_meit import MeitFeatureExtractor
from modeling_meit.processing_meit import MeitProcessor
from tests.tiny import tiny_model, tiny_processor
from tests.tiny_seq2seq import tiny_seq2seq, tiny_seq2seq_processor

RATE = 100
PROMPT = "Write the report."
TEXT = "Sinus rhythm. Left axis deviation."


class ReadsOneStretch:
    """A "language model" that believes in every word as far as one stretch of one lead is large.

    Its logit of each next token of the text is the mean square of `lead` from `start` to `end`; all others are 0.
    """

    def __init__(self, lead: int, start: int, end: int) -> None:
        self.config = SimpleNamespace(is_encoder_decoder=False)
        self.device = torch.device("cpu")
        self.lead, self.start, self.end = lead, start, end
        self.rows: list[int] = []

    def __call__(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **ecg: torch.Tensor) -> Any:
        assert torch.equal(ecg["ecg_values"][~ecg["ecg_mask"]], torch.zeros((~ecg["ecg_mask"]).sum()))
        self.rows.append(len(input_ids))
        believed = ecg["ecg_values"][:, self.lead, self.start : self.end].square().mean(dim=1)
        logits = torch.zeros(*input_ids.shape, 320)
        logits[:, :-1].scatter_(
            2, input_ids[:, 1:, None], believed[:, None, None].expand(-1, input_ids.shape[1] - 1, 1)
        )
        return SimpleNamespace(logits=logits)


def made_up_signal(samples: int = 1000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (12, samples)).astype(np.float32)


def test_only_the_stretch_that_is_read_is_important() -> None:
    model = ReadsOneStretch(7, 300, 400)
    found = occlusion(model, tiny_processor(), made_up_signal(), RATE, PROMPT, TEXT)
    assert found.importance.shape == (12, 10)
    assert found.leads == STANDARD_LEADS
    assert found.windows == tuple(float(second) for second in range(10))
    assert (found.start_s, found.window_s) == (0.0, 1.0)
    expected = np.zeros((12, 10), dtype=bool)
    expected[7, 3] = True
    assert found.importance[7, 3] > 0.3
    assert np.abs(found.importance[~expected]).max() < 1e-6
    assert found.heat()[7, 3] == 1.0
    assert found.heat().sum() == 1.0


def test_importance_is_the_fall_of_the_mean_log_probability() -> None:
    signal = made_up_signal()
    found = occlusion(ReadsOneStretch(7, 300, 400), tiny_processor(), signal, RATE, PROMPT, TEXT)
    logit = float(np.mean(signal[7, 300:400] ** 2))
    believed = logit - np.log(np.exp(logit) + 319)
    assert found.baseline == pytest.approx(believed, abs=1e-4)
    assert found.importance[7, 3] == pytest.approx(believed + np.log(320), abs=1e-4)


def test_windows_cut_the_signal_where_they_are_asked_to() -> None:
    found = occlusion(
        ReadsOneStretch(0, 450, 480), tiny_processor(), made_up_signal(), RATE, PROMPT, TEXT, window_s=0.3
    )
    assert found.importance.shape == (12, 34)
    assert np.argwhere(np.abs(found.importance) > 1e-6).tolist() == [[0, 15]]
    assert found.windows[15] == pytest.approx(4.5)


def test_a_shorter_recording_has_fewer_windows_and_missing_stretches_are_not_asked() -> None:
    signal = made_up_signal(620)
    signal[4, 100:200] = np.nan
    model = ReadsOneStretch(4, 0, 100)
    found = occlusion(model, tiny_processor(), signal, RATE, PROMPT, TEXT)
    assert found.importance.shape == (12, 7)
    assert sum(model.rows) == 1 + 12 * 7 - 1
    assert found.importance[4, 1] == 0.0


def test_the_model_s_own_order_and_crop_are_put_back() -> None:
    turned = STANDARD_LEADS[::-1]
    extractor = MeitFeatureExtractor(sampling_rate=RATE, duration=10.0, leads=list(turned), crop="center")
    processor = MeitProcessor(extractor, tiny_processor().tokenizer)
    model = ReadsOneStretch(turned.index("V2"), 0, 100)
    found = occlusion(model, processor, made_up_signal(7000), 500, PROMPT, TEXT)
    assert found.start_s == pytest.approx(2.0)
    assert found.windows[0] == pytest.approx(2.0)
    assert np.argwhere(np.abs(found.importance) > 1e-4).tolist() == [[STANDARD_LEADS.index("V2"), 0]]


def test_parts_of_a_text_make_the_whole() -> None:
    """Weighted by their tokens, the two sentences' log-probabilities and importances are the text's."""
    model, processor, signal = tiny_model(), tiny_processor(), made_up_signal()
    whole = occlusion(model, processor, signal, RATE, PROMPT, TEXT, window_s=5.0)
    spans = [(0, 13), (13, len(TEXT))]
    parts = [occlusion(model, processor, signal, RATE, PROMPT, TEXT, window_s=5.0, what=span) for span in spans]
    # Of the tokens of the conversation, as a part is read in it.
    turns = [{"role": "user", "content": PROMPT}, {"role": "assistant", "content": TEXT}]
    rendered = processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=False)
    offsets = processor.tokenizer(rendered, return_offsets_mapping=True, add_special_tokens=False)["offset_mapping"]
    first = rendered.rfind(TEXT)
    counts = [
        sum(begin < first + stop and end > first + start for begin, end in offsets)
        for start, stop in ((0, 13), (14, 34))
    ]
    assert min(counts) > 1
    assert np.average([part.baseline for part in parts], weights=counts) == pytest.approx(whole.baseline, abs=1e-4)
    importance = np.average([part.importance for part in parts], axis=0, weights=counts)
    np.testing.assert_allclose(importance, whole.importance, atol=1e-4)
    assert parts[0].baseline != pytest.approx(whole.baseline, abs=1e-3)


@pytest.mark.parametrize("batch_size", [1, 7, 200])
def test_batches_do_not_matter_and_progress_ends_at_one(batch_size: int) -> None:
    model, processor, shares = tiny_model(), tiny_processor(), []
    found = occlusion(
        model,
        processor,
        made_up_signal(),
        RATE,
        PROMPT,
        TEXT,
        window_s=5.0,
        batch_size=batch_size,
        progress=shares.append,
    )
    alone = occlusion(model, processor, made_up_signal(), RATE, PROMPT, TEXT, window_s=5.0)
    np.testing.assert_allclose(found.importance, alone.importance, atol=1e-4)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) == -(-25 // batch_size)


def log_probability(model: Any, processor: Any, signal: np.ndarray, mask: tuple[int, int, int] | None) -> float:
    """The mean log-probability of TEXT, from the model's own loss."""
    seq2seq = model.config.is_encoder_decoder
    turns = [{"role": "user", "content": PROMPT}, {"role": "assistant", "content": TEXT}]
    inputs = processor(ecg=[signal], sampling_rate=RATE, text=[PROMPT], return_tensors="pt")
    if mask is not None:
        lead, first, last = mask
        inputs["ecg_mask"][0, lead, first:last] = False
        inputs["ecg_values"][0, lead, first:last] = 0
    if seq2seq:
        labels = processor.tokenizer(text_target=TEXT, return_tensors="pt")["input_ids"].clone()
        special = torch.tensor(processor.tokenizer.all_special_ids)
        labels[torch.isin(labels, special)] = -100
    else:
        full = processor(ecg=[signal], sampling_rate=RATE, text=turns, add_generation_prompt=False)["input_ids"]
        labels = full.clone()
        labels[:, : inputs["input_ids"].shape[1]] = -100
        labels[torch.isin(labels, torch.tensor(processor.tokenizer.all_special_ids))] = -100
        inputs["input_ids"], inputs["attention_mask"] = full, torch.ones_like(full)
    with torch.inference_mode():
        return -float(model(**inputs, labels=labels).loss)


@pytest.mark.parametrize("kind", ["decoder", "bart", "t5"])
def test_it_is_what_the_model_s_own_loss_says(kind: str) -> None:
    decoder = kind == "decoder"
    model = tiny_model() if decoder else tiny_seq2seq(kind)
    processor = tiny_processor() if decoder else tiny_seq2seq_processor()
    signal = made_up_signal()
    found = occlusion(model, processor, signal, RATE, PROMPT, TEXT, window_s=2.0)
    assert found.baseline == pytest.approx(log_probability(model, processor, signal, None), abs=1e-4)
    without = log_probability(model, processor, signal, (3, 400, 600))
    assert found.importance[3, 2] == pytest.approx(found.baseline - without, abs=1e-4)
    assert np.ptp(found.importance) > 1e-3


def test_it_can_be_stopped() -> None:
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 2

    model = ReadsOneStretch(0, 0, 10)
    with pytest.raises(OcclusionCancelled):
        occlusion(model, tiny_processor(), made_up_signal(), RATE, PROMPT, TEXT, batch_size=8, should_stop=stop)
    assert sum(model.rows) == 16


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("", {}, "hold a word"),
        ("  \n", {}, "hold a word"),
        (TEXT, {"what": (0, 500)}, "inside the text"),
        (TEXT, {"what": (5, 5)}, "inside the text"),
        (TEXT, {"what": (13, 14)}, "hold a word"),
        (TEXT, {"window_s": 0.0}, "positive"),
        (TEXT, {"window_s": float("nan")}, "positive"),
        (TEXT, {"window_s": 0.001}, "at least one sample"),
        (TEXT, {"batch_size": 0}, "positive"),
    ],
)
def test_what_cannot_be_asked(text: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(EcgInputError, match=says):
        occlusion(ReadsOneStretch(0, 0, 10), tiny_processor(), made_up_signal(), RATE, PROMPT, text, **options)


def test_a_refused_recording_is_one_sentence() -> None:
    with pytest.raises(EcgInputError, match="processor refuses the recording"):
        occlusion(ReadsOneStretch(0, 0, 10), tiny_processor(), np.zeros((12, 1000)), RATE, PROMPT, TEXT)


@pytest.fixture(scope="module")
def shipped_model() -> tuple[Any, Any]:
    folder = shipped()
    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True).eval()
    return model, AutoProcessor.from_pretrained(folder, trust_remote_code=True)


def written(model: Any, processor: Any, signal: np.ndarray) -> str:
    inputs = processor(ecg=[signal], sampling_rate=RATE, return_tensors="pt")
    output = model.generate(**inputs, num_beams=1)[0, inputs["input_ids"].shape[1] :]
    return str(processor.batch_decode([output], skip_special_tokens=True)[0]).strip()


def test_the_shipped_model_does_not_look_everywhere_alike(shipped_model: tuple[Any, Any]) -> None:
    model, processor = shipped_model
    signal = play(draw_recording(0, 6, 10.0), RATE)  # the bundled inferior infarction
    found = occlusion(model, processor, signal, RATE, processor.default_prompt, written(model, processor, signal))
    assert found.importance.shape == (12, 10)
    assert np.isfinite(found.importance).all()
    assert found.heat().max() == 1.0
    assert np.median(found.heat()) < 0.5


def test_the_ecg_speaks_for_its_own_report_more_than_for_another_s(shipped_model: tuple[Any, Any]) -> None:
    """The control: with the reports exchanged among recordings, taking the ECG away costs less."""
    model, processor = shipped_model
    signals = [play(draw_recording(3, index, 10.0), RATE) for index in (8, 16, 20, 24, 52, 60)]
    texts = [written(model, processor, signal) for signal in signals]

    def support(signal: np.ndarray, text: str) -> float:
        found: Occlusion = occlusion(model, processor, signal, RATE, processor.default_prompt, text, window_s=10.0)
        return float(found.importance.sum())

    own = [support(signal, text) for signal, text in zip(signals, texts, strict=True)]
    others = [support(signal, text) for signal, text in zip(signals, texts[1:] + texts[:1], strict=True)]
    assert np.mean(own) > 0.1
    assert np.mean(own) > np.mean(others) + 0.1
