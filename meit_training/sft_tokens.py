"""A conversation as the tokens that TRL makes of it, for rows that TRL does not see beforehand."""

from __future__ import annotations

from collections.abc import Callable

from transformers import PreTrainedTokenizerBase
from trl import SFTConfig

from .conversations import message_pair


def sft_tokens(
    tokenizer: PreTrainedTokenizerBase, training: SFTConfig
) -> Callable[[str, str], dict[str, list[int]] | None]:
    """Returns what makes `input_ids` and `labels` of a prompt and a completion.

    The labels begin where the conversation stops being that of the prompt alone; None is made of a conversation that
    `max_length` leaves no label of.
    """
    longest = training.max_length
    kept = slice(None, longest) if training.truncation_mode == "keep_start" or not longest else slice(-longest, None)

    def tokens(prompt: str, completion: str) -> dict[str, list[int]] | None:
        turns = message_pair(prompt, completion)
        asked = tokenizer.apply_chat_template(turns["prompt"], add_generation_prompt=True, return_dict=True)[
            "input_ids"
        ]
        ids = tokenizer.apply_chat_template(turns["prompt"] + turns["completion"], return_dict=True)["input_ids"]
        same = 0
        while same < min(len(asked), len(ids)) and asked[same] == ids[same]:
            same += 1
        labels = ([-100] * same + ids[same:])[kept]
        return {"input_ids": ids[kept], "labels": labels} if any(label != -100 for label in labels) else None

    return tokens
