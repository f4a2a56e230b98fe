"""Conversations with several ECGs: where each stands, and the placeholder tokens written there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transformers import AddedToken, PreTrainedTokenizerBase

ECG_TOKEN = "<|ecg|>"


def add_ecg_token(tokenizer: PreTrainedTokenizerBase, token: str) -> int:
    """Give a tokenizer the placeholder, if it lacks it, and return its id. A model needs no embedding for it."""
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False)], special_tokens=True)
    return int(tokenizer.convert_tokens_to_ids(token))


def number_of_ecgs(conversation: Sequence[dict[str, Any]]) -> int:
    """How many parts {"type": "ecg"} a conversation has."""
    parts = [part for turn in conversation if isinstance(turn["content"], list) for part in turn["content"]]
    return sum(part.get("type") == "ecg" for part in parts)


def with_placeholders(
    conversation: Sequence[dict[str, Any]], token: str | None, tokens_per_ecg: int
) -> list[dict[str, str]]:
    """The conversation with its parts joined to text, and placeholders for the ECGs.

    Args:
        conversation: turns whose content is a str or a list of {"type": "text", "text": str} and {"type": "ecg"}.
        token: the placeholder; None where the processor has none.
        tokens_per_ecg: how many of them stand for one ECG.

    Raises:
        ValueError: the text itself holds the placeholder, or there is none to write.
    """
    return [{**turn, "content": _joined(turn["content"], token, tokens_per_ecg)} for turn in conversation]


def _joined(content: str | list[dict[str, Any]], token: str | None, tokens_per_ecg: int) -> str:
    texts = [content] if isinstance(content, str) else [part["text"] for part in content if part["type"] == "text"]
    if token is not None and any(token in text for text in texts):
        raise ValueError(f"a turn holds {token!r}, which stands for an ECG; give the ECG as a part {{'type': 'ecg'}}")
    if isinstance(content, str):
        return content
    if token is None and len(texts) < len(content):
        raise ValueError(
            "a turn has a part {'type': 'ecg'}, but this processor has no ecg_token: its model reads one ECG a text; "
            f"make both for several: MeitProcessor(..., ecg_token={ECG_TOKEN!r}), MeitConfig(ecg_token_id=...)"
        )
    return "".join(part["text"] if part["type"] == "text" else (token or "") * tokens_per_ecg for part in content)
