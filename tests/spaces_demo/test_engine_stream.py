"""One report's states: growing text, stops at every moment, the line before it, and the end of the engine."""

from __future__ import annotations

import gc
import itertools
import threading
import time

import numpy as np
import pytest

from dataset_scripts.errors import EcgInputError
from eval_suite.model_folder import config_text, read_config
from eval_suite.occlusion import OcclusionCancelled, occlusion
from eval_suite.report_model import ReportModel
from spaces_demo.engine.engine import ReportEngine
from spaces_demo.engine.models import ModelEntry
from spaces_demo.engine.states import ReportOptions
from tests.spaces_demo.tiny_engine import PROMPTS, RATE, ask, ecg, held, last, slow
from tests.stored_abstention import stored_abstention
from tests.tiny import save_tiny_model_folder

LONG = ReportOptions(max_new_tokens=40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny_model_folder(tmp_path_factory.mktemp("model") / "tiny", num_ecg_tokens=2)


@pytest.fixture
def engine(folder):
    engine = ReportEngine([ModelEntry("tiny", str(folder))], max_batch=3, max_waiting=6)
    yield engine
    engine.close()


@pytest.fixture
def unhurried(engine):
    """40 tokens take it at least 0.4 s."""
    slow(engine)
    return engine


def writing(stream):
    """The first state that has text."""
    return next(state for state in stream if state.text)


def every_state(stream):
    """All states, those too that a visitor who takes them slowly does not see."""
    states = [stream._request._items.get(timeout=60)]
    while not states[-1].done:
        states.append(stream._request._items.get(timeout=60))
    return states


def test_text_only_grows_and_ends_in_the_report(engine):
    halves = 0
    for number in range(6):
        with held(engine):
            stream = ask(engine, number, LONG)
        states = every_state(stream)
        texts = [state.text for state in states]
        for earlier, later in itertools.pairwise(texts):
            assert later.startswith(earlier)
        assert len(set(texts)) > 15, "token by token"
        halves += "\ufffd" in texts[-1]
        assert not any(text.endswith("\ufffd") for text in texts[:-1])
        assert [state.done for state in states] == [False] * (len(states) - 1) + [True]
        assert states[0].first_token_s is None
        assert states[0].waiting == 1
        assert 0 < states[-1].first_token_s <= states[-1].total_s
        assert states[-1].warnings == ("the report was cut at the limit of 40 tokens",)
    assert halves, "random bytes: characters that never become whole are shown in the end"


def test_sentences_tile_the_report_and_make_up_its_confidence(engine):
    for number in range(6):
        state = last(ask(engine, number, LONG))
        assert "".join(sentence.text for sentence in state.sentences) == state.text
        assert [sentence.end for sentence in state.sentences[:-1]] == [one.start for one in state.sentences[1:]]
        assert (state.sentences[0].start, state.sentences[-1].end) == (0, len(state.text))
        tokens = [sentence.tokens for sentence in state.sentences]
        assert sum(tokens) == 40
        logarithms = np.log([sentence.confidence for sentence in state.sentences])
        assert np.exp(np.average(logarithms, weights=tokens)) == pytest.approx(state.confidence, rel=1e-5)


def test_stop_in_the_middle(unhurried):
    whole = last(ask(unhurried, 1, LONG)).text
    stop = threading.Event()
    stream = ask(unhurried, 1, LONG, stop=stop)
    seen = writing(stream)
    stop.set()
    state = last(stream)
    assert state.stopped
    assert (state.confidence, state.abstains) == (None, None)
    assert whole.startswith(state.text)
    assert state.text.startswith(seen.text)
    assert state.text != whole
    assert "".join(sentence.text for sentence in state.sentences) == state.text
    assert sum(sentence.tokens for sentence in state.sentences) < 40


@pytest.mark.parametrize("how", ["stop", "close", "let go"])
def test_one_row_ends_and_the_others_go_on(unhurried, how):
    expected = [last(ask(unhurried, number, LONG)).text for number in range(3)]
    stop = threading.Event()
    with held(unhurried):
        streams = [ask(unhurried, number, LONG, stop=stop if number == 1 else None) for number in range(3)]
    writing(streams[1])
    before = unhurried.statistics()["stopped"]
    if how == "stop":
        stop.set()
        assert last(streams[1]).stopped
    elif how == "close":
        streams[1].close()
        assert list(streams[1]) == []
    else:
        streams[1] = None
        gc.collect()
    assert [last(streams[number]).text for number in (0, 2)] == [expected[0], expected[2]]
    assert unhurried.statistics()["stopped"] == before + 1


def test_a_stopped_beam_search_ends_at_once(unhurried):
    slow(unhurried, 0.5)
    stop = threading.Event()
    stream = ask(unhurried, 1, ReportOptions(num_beams=2, max_new_tokens=50), stop=stop)
    next(stream)
    began = time.monotonic()
    time.sleep(0.2)
    stop.set()
    state = last(stream)
    assert state.stopped
    assert state.confidence is None
    assert time.monotonic() - began < 15, "50 tokens take over 25 s"


def test_who_waits_is_told_its_place(engine):
    with held(engine):
        streams = [ask(engine, number, LONG) for number in range(5)]
        assert [next(stream).waiting for stream in streams] == [1, 2, 3, 4, 5]
        streams[1].close()
        # What lies ready: `next` would wait for ever if nobody were told.
        assert [streams[place]._request.newest().waiting for place in (2, 3, 4)] == [2, 3, 4]
        assert engine.statistics()["waiting"] == 4
    for place in (0, 2, 3, 4):
        states = list(streams[place])
        places = [state.waiting for state in states]
        assert places == sorted(places, reverse=True)
        assert places[-1] == 0


def test_stop_while_waiting(engine):
    stop = threading.Event()
    with held(engine):
        stream = ask(engine, 0, stop=stop)
        next(stream)
        stop.set()
        state = last(stream)
        assert (state.stopped, state.text, state.sentences) == (True, "", ())
        assert engine.statistics()["waiting"] == 0


def test_who_lets_go_while_waiting_costs_nothing(engine):
    with held(engine):
        stream = ask(engine, 0, LONG)
        del stream
        gc.collect()
        other = ask(engine, 1, LONG)
    assert last(other).text
    assert engine.statistics()["reports"] == 1


def test_a_full_line_is_refused_with_a_sentence(engine):
    with held(engine):
        streams = [ask(engine, number, LONG) for number in range(6)]
        with pytest.raises(EcgInputError, match="busy: 6 requests are waiting, try again in a moment"):
            ask(engine, 7, LONG)
        streams[0].close()
        streams.append(ask(engine, 7, LONG))
    assert all(last(stream).text for stream in streams[1:])


def test_bad_options_are_refused(engine):
    for options, said in (
        (ReportOptions(temperature=-1), "temperature is -1, expected a number from 0 to 2"),
        (ReportOptions(temperature=float("nan")), "temperature is nan"),
        (ReportOptions(num_beams=0), "number of beams is 0, expected a whole number from 1 to 3"),
        (ReportOptions(num_beams=2.0), "number of beams is 2.0"),
        (ReportOptions(max_new_tokens=10**6), "number of new tokens is 1000000"),
        (ReportOptions(seed=-1), "seed is -1"),
        (ReportOptions(temperature=0.5, num_beams=2), "set the temperature to 0 or the beams to 1"),
    ):
        with pytest.raises(EcgInputError, match=said):
            ask(engine, 0, options)


def test_abstention(folder, tmp_path, engine):
    stored = stored_abstention(1.0, ReportModel(folder).dtype, language_told=False)
    fields = read_config(folder / "config.json")
    for name, changes in (("sure", {}), ("lax", {"threshold": 0.0}), ("other", {"confidence": "else-2"})):
        copy = save_tiny_model_folder(tmp_path / name, num_ecg_tokens=2)
        (copy / "config.json").write_text(config_text({**fields, "abstention": stored | changes}))
        engine.add_model(ModelEntry(name, str(copy)))
    plain, sure, lax, other = (last(ask(engine, 0, model=name)) for name in ("tiny", "sure", "lax", "other"))
    assert (plain.abstains, plain.abstention) == (None, None)
    assert (sure.abstains, sure.abstention) == (True, stored)
    assert lax.abstains is False
    assert (other.abstains, other.abstention) == (None, None)
    assert any("threshold is of the confidence else-2" in text for text in other.warnings)
    assert any("by a prompt of your own" in text for text in sure.warnings)
    assert not any("own settings" in text for text in sure.warnings)
    beams = last(ask(engine, 0, ReportOptions(num_beams=2), model="sure"))
    assert any("own settings, this one with num_beams 2 in place of 1" in text for text in beams.warnings)


def test_attribution_waits_its_turn_and_is_the_one_of_the_evaluation(engine, folder):
    told = []
    thread = threading.get_ident()

    def progress(share: float) -> None:
        assert threading.get_ident() == thread
        told.append(share)

    text = last(ask(engine, 2)).text
    found = engine.occlude("tiny", ecg(2), RATE, PROMPTS[2], text, progress=progress)
    model = ReportModel(folder)
    expected = occlusion(model.model, model.processor, ecg(2), RATE, PROMPTS[2], text)
    np.testing.assert_allclose(found.importance, expected.importance, atol=1e-6)
    assert told == sorted(told)
    assert told[-1] == 1.0
    with pytest.raises(EcgInputError, match="no model 'nobody'"):
        engine.occlude("nobody", ecg(2), RATE, PROMPTS[2], text)
    with pytest.raises(EcgInputError):
        engine.occlude("tiny", ecg(2), RATE, PROMPTS[2], "")
    with pytest.raises(EcgInputError, match="beside a report of up to"):
        engine.occlude("tiny", ecg(2), RATE, PROMPTS[2], "normal ecg " * 99)
    with pytest.raises(EcgInputError, match="instruction has 5000 characters, expected at most 4000"):
        engine.occlude("tiny", ecg(2), RATE, "a" * 5000, text)
    stop = threading.Event()
    with held(engine):
        threading.Timer(0.1, stop.set).start()
        with pytest.raises(OcclusionCancelled):
            engine.occlude("tiny", ecg(2), RATE, PROMPTS[2], text, stop=stop)
        assert engine.statistics()["waiting"] == 0


def test_close_ends_what_runs_and_sends_away_who_waits(folder):
    engine = ReportEngine([ModelEntry("tiny", str(folder))], max_batch=1)
    slow(engine, 0.02)
    running, waiting = ask(engine, 0, LONG), ask(engine, 1, LONG)
    writing(running)
    engine.close()
    assert last(running).stopped
    with pytest.raises(EcgInputError, match="the server is stopping"):
        last(waiting)
    with pytest.raises(EcgInputError, match="the server is stopping"):
        ask(engine, 2)
    assert not engine._worker.is_alive()
    assert engine.statistics()["loaded"] == []
    engine.close()
