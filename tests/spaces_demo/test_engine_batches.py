"""Requests that go together: each gets what it would get alone."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import meit_report
from dataset_scripts.errors import EcgInputError
from ecg_files.ecg_file import EcgFile
from eval_suite.report_model import ReportModel
from modeling_meit.ecg_signal import STANDARD_LEADS
from spaces_demo.engine import answers
from spaces_demo.engine.engine import ReportEngine
from spaces_demo.engine.models import ModelEntry
from spaces_demo.engine.states import ReportOptions
from tests.spaces_demo.tiny_engine import PROMPTS, RATE, ask, ecg, held, last
from tests.tiny import save_tiny_model_folder
from tests.tiny_seq2seq import save_tiny_seq2seq_folder

LONG = ReportOptions(max_new_tokens=30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny_model_folder(tmp_path_factory.mktemp("model") / "tiny", num_ecg_tokens=2)


@pytest.fixture(scope="module")
def engine(folder):
    engine = ReportEngine([ModelEntry("tiny", str(folder))])
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def alone(folder):
    """What each of 32 requests gets of an engine that writes one report at a time."""
    engine = ReportEngine([ModelEntry("tiny", str(folder))], max_batch=1)
    yield [last(ask(engine, number, LONG)) for number in range(32)]
    engine.close()


def test_rows_of_batches_equal_single_runs(engine, alone):
    before = engine.statistics()["batches"]
    with held(engine):
        streams = [ask(engine, number, LONG) for number in range(32)]
    together = [last(stream) for stream in streams]
    assert engine.statistics()["batches"] == before + 1 + 4  # the held one, and four of eight
    assert len({state.text for state in alone}) > 16, "requests that all get one report would prove nothing"
    for single, row in zip(alone, together, strict=True):
        assert row.text == single.text
        assert row.confidence == pytest.approx(single.confidence, rel=1e-4)
        assert [sentence.tokens for sentence in row.sentences] == [sentence.tokens for sentence in single.sentences]
        for own, other in zip(row.sentences, single.sentences, strict=True):
            assert own.confidence == pytest.approx(other.confidence, rel=1e-4)


def test_one_row_is_bit_for_bit_what_the_evaluation_and_the_command_get(engine, folder):
    signal = ecg(5)
    state = last(ask(engine, 5))
    texts, confidences = ReportModel(folder).reports([signal], [RATE], [PROMPTS[1]])
    assert state.confidence == confidences[0]
    assert state.text == " ".join(texts[0].split())

    record = EcgFile(signal, RATE, tuple(STANDARD_LEADS), "five", "NumPy")
    report = meit_report.write_report(record, str(folder), PROMPTS[1])
    assert (report.text, report.confidence, report.sentences) == (state.text, state.confidence, state.sentences)
    assert report.warnings == state.warnings


def test_ten_threads_get_each_its_own_report(engine, alone):
    found: dict[int, list[str]] = {}

    def visitor(number: int) -> None:
        found[number] = [last(ask(engine, (number + turn) % 32, LONG)).text for turn in range(5)]

    threads = [threading.Thread(target=visitor, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    expected = {number: [alone[(number + turn) % 32].text for turn in range(5)] for number in range(10)}
    assert found == expected


def test_beams_give_the_same_together_and_alone_and_only_at_the_end(engine, folder):
    beams = ReportOptions(num_beams=3, max_new_tokens=10)
    with held(engine):
        streams = [ask(engine, number, beams) for number in range(4)]
    states = [list(stream) for stream in streams]
    model = ReportModel(folder)
    for number, found in enumerate(states):
        assert all(state.text == "" for state in found[:-1])
        generation = {"num_beams": 3, "max_new_tokens": 10}
        texts, confidences = model.reports([ecg(number)], [RATE], [PROMPTS[number]], generation=generation)
        assert found[-1].text == " ".join(texts[0].split())
        assert found[-1].confidence == pytest.approx(confidences[0], rel=1e-4)
        assert found[-1].sentences[-1].end == len(found[-1].text)


def test_draws_hang_on_their_seed_alone(engine):
    def drawn(seed: int, number: int = 3) -> str:
        return last(ask(engine, number, ReportOptions(temperature=1.5, seed=seed, max_new_tokens=20))).text

    first = [drawn(seed) for seed in range(4)]
    assert len(set(first)) == 4
    with held(engine):
        options = [ReportOptions(temperature=1.5, seed=seed, max_new_tokens=20) for seed in range(4)]
        streams = [stream for seed in range(4) for stream in (ask(engine, 3, options[seed]), ask(engine, seed, LONG))]
    assert [last(stream).text for stream in streams][::2] == first


def test_a_refused_row_leaves_the_others_alone(engine, alone):
    flat = np.zeros((12, 1000), np.float32)
    endless = "word " * 200
    with held(engine):
        streams = [ask(engine, 0, LONG), ask(engine, 1, LONG, signal=flat), ask(engine, 2, LONG)]
        too_long = ask(engine, 3, LONG, prompt=endless)
        too_few = ask(engine, 3, LONG, signal=ecg(3)[:7])
    with pytest.raises(EcgInputError, match="flat"):
        last(streams[1])
    with pytest.raises(EcgInputError, match=r"the instruction is \d+ tokens long; beside a report of up to 30 tokens"):
        last(too_long)
    with pytest.raises(EcgInputError, match="12"):
        last(too_few)
    assert [last(streams[place]).text for place in (0, 2)] == [alone[0].text, alone[2].text]


@pytest.mark.parametrize("text", ["\ud800", "normal \udfff ecg"])
def test_a_text_that_no_encoding_has_is_refused_before_it_joins_others(engine, text):
    with pytest.raises(EcgInputError, match=r"instruction holds half a character .* at place \d"):
        ask(engine, 1, LONG, prompt=text)
    with pytest.raises(EcgInputError, match="the text holds half a character"):
        engine.occlude("tiny", ecg(4), RATE, PROMPTS[0], text)


def test_a_row_that_fails_leaves_the_others_alone(engine, alone, monkeypatch, caplog):
    """Whatever is raised of one visitor's ECG or prompt, not only what was foreseen."""
    reading = answers.read_ecg

    def broken(processor, signal, *rest):
        if np.array_equal(signal, ecg(1)):
            raise TypeError("said by a visitor")
        return reading(processor, signal, *rest)

    monkeypatch.setattr(answers, "read_ecg", broken)
    before = engine.statistics()["failed"]
    with held(engine):
        streams = [ask(engine, number, LONG) for number in range(3)]
    with pytest.raises(RuntimeError, match="could not be written: TypeError"):
        last(streams[1])
    assert [last(streams[place]).text for place in (0, 2)] == [alone[0].text, alone[2].text]
    assert engine.statistics()["failed"] == before + 1
    assert "a report failed: TypeError in broken" in caplog.text
    assert "visitor" not in caplog.text


@pytest.mark.parametrize("failure", [MemoryError, SystemExit])
def test_a_failing_model_fails_its_own_requests_and_the_worker_lives_on(engine, alone, monkeypatch, caplog, failure):
    model = engine._residents.get(engine._entries["tiny"]).model
    before = engine.statistics()["failed"]

    def broken(*args, **kwargs):
        raise failure("said by a visitor")

    with monkeypatch.context() as patched:
        patched.setattr(model, "generate", broken)
        with held(engine):
            streams = [ask(engine, number, LONG) for number in range(3)]
        for stream in streams:
            with pytest.raises(RuntimeError, match=f"could not be written: {failure.__name__}"):
                last(stream)
            assert list(stream) == []
    assert engine.statistics()["failed"] == before + 3
    assert f"a batch of 3 failed: {failure.__name__} in broken" in caplog.text
    assert "visitor" not in caplog.text
    with monkeypatch.context() as patched:
        patched.setattr(model, "forward", broken)
        with pytest.raises(RuntimeError, match=f"not be computed: {failure.__name__}"):
            engine.occlude("tiny", ecg(4), RATE, PROMPTS[0], "normal")
    assert last(ask(engine, 4, LONG)).text == alone[4].text


def test_an_encoder_decoder(tmp_path):
    folder = save_tiny_seq2seq_folder(tmp_path / "bart")
    engine = ReportEngine([ModelEntry("bart", str(folder))])
    try:
        with held(engine):
            streams = [ask(engine, number, LONG) for number in range(4)]
        together = [last(stream) for stream in streams]
        model = ReportModel(folder)
        for number, state in enumerate(together):
            texts, confidences = model.reports(
                [ecg(number)], [RATE], [PROMPTS[number]], generation={"max_new_tokens": 30}
            )
            assert state.text == " ".join(texts[0].split())
            assert state.confidence == pytest.approx(confidences[0], rel=1e-4)
            assert "".join(sentence.text for sentence in state.sentences) == state.text
    finally:
        engine.close()
