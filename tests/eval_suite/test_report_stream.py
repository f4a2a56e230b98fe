"""Text while it is written: whole characters only, no half tags, and never taken back."""

from __future__ import annotations

import pytest
import torch

from eval_suite.report_stream import GrowingText, RowWatch
from tests.tiny import TOKENS, tiny_processor

END = TOKENS["eos_token_id"]


@pytest.fixture(scope="module")
def processor():
    return tiny_processor()


class Reader:
    def __init__(self, stop_after: int = 10**9) -> None:
        self.texts: list[str] = []
        self._stop_after = stop_after

    def wants_stop(self) -> bool:
        return len(self.texts) >= self._stop_after

    def on_text(self, text: str) -> None:
        self.texts.append(text)


@pytest.mark.parametrize(
    "text",
    [
        "sinus rhythm. normal ecg.",
        "Größe ≥ 0,12 s – Überleitung 正常 🫀",
        "a  b\n\nc",
        "rate <60 and > 40",
        "QT < 440 ms",
    ],
)
def test_it_grows_by_whole_characters_to_the_report(processor, text):
    tokens = processor.tokenizer(text, add_special_tokens=False)["input_ids"]
    growing = GrowingText(processor)
    seen = [growing.add(token) for token in [*tokens, END]]
    final = " ".join(text.split())
    assert growing.report() == final
    assert all(final.startswith(part) for part in seen)
    assert [len(part) for part in seen] == sorted(growing.ends) == growing.ends
    assert len(set(seen)) > len(final) / 4
    assert not any("\ufffd" in part for part in seen)


def test_a_tag_after_the_report_is_never_shown(processor):
    tokens = processor.tokenizer("normal ecg. <|user|>: and then?", add_special_tokens=False)["input_ids"]
    growing = GrowingText(processor)
    seen = {growing.add(token) for token in tokens}
    assert growing.report() == "normal ecg."
    assert not any("<" in part for part in seen)


def test_rows_end_each_for_itself(processor):
    readers = [Reader(), Reader(stop_after=2), Reader()]
    watch = RowWatch(processor, 3, [END], readers, beams=1)
    ids = torch.full((3, 3), 5)
    words = processor.tokenizer("abcdef", add_special_tokens=False)["input_ids"]
    flags = []
    for step in range(4):
        new = [words[step], words[step], END if step == 1 else words[step]]
        ids = torch.cat([ids, torch.tensor(new)[:, None]], dim=1)
        flags.append(watch(ids, None).tolist())
    assert flags == [[False] * 3, [False] * 3, [False, True, False], [False, True, False]]
    assert watch.stopped == [False, True, False]
    assert [len(reader.texts) for reader in readers] == [4, 2, 2]
    assert [len(text.tokens) for text in watch.texts] == [4, 2, 2]


def test_under_beam_search_a_row_stops_with_all_its_candidates(processor):
    readers = [Reader(), Reader(stop_after=0)]
    watch = RowWatch(processor, 3, [END], readers, beams=4)
    assert watch(torch.full((16, 4), 5), None).tolist() == [False] * 8 + [True] * 8
    assert readers[0].texts == []
