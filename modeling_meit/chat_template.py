"""The paper's conversation as a chat template, and what a tokenizer must have to serve a MEIT model."""

from __future__ import annotations

import re
from collections.abc import Iterable

from transformers import PreTrainedTokenizerBase

ROLES = ("system", "user", "assistant")

# MEIT (arXiv 2403.04945): "<|user|>: {prompt} <|assistant|>: {report} </s>". The tags are plain text: as new special
# tokens they would need trained embeddings. White space is set so that the tokens of the prompt are a prefix of the
# tokens of the conversation, which TRL's loss mask rests on: the generation prompt ends in ":", and the answer brings
# its own leading space, as byte-level and Metaspace vocabularies write the first word of an answer. No space stands
# before the end token: it would be one more token to learn, and is not part of the report.
PAPER_CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] not in ['system', 'user', 'assistant'] %}"
    "{{ raise_exception('role ' ~ message['role'] ~ ' is not known; expected system, user or assistant') }}"
    "{% endif %}"
    "{{ '' if loop.first else ' ' }}{{ '<|' ~ message['role'] ~ '|>: ' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] | trim ~ eos_token }}{% endgeneration %}"
    "{% else %}{{ message['content'] | trim }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ ' <|assistant|>:' }}{% endif %}"
)

_TAG = re.compile(rf"<\|({'|'.join(ROLES)})\|>:?")


def paper_conversation(prompt: str, answer: str) -> str:
    """One question and its answer as `PAPER_CHAT_TEMPLATE` writes them, without the end token."""
    return f"<|user|>: {prompt.strip()} <|assistant|>: {answer.strip()}"


def ensure_chat_template(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """Give a tokenizer without a chat template the paper's; one that has its own keeps it.

    Text from a template is tokenised without the tokenizer's own special tokens. So where the tokenizer begins its
    texts with a `bos_token` (LLaMA, Gemma), the template does it instead.

    Args:
        tokenizer: is changed.

    Returns:
        The same tokenizer.

    Raises:
        ValueError: the tokenizer has no `eos_token`, so that no report could end.
    """
    if tokenizer.eos_token is None:
        raise ValueError("the tokenizer has no eos_token, which ends a report; set tokenizer.eos_token first")
    if tokenizer.chat_template is None:
        bos = tokenizer.bos_token_id
        begins_with_bos = bos is not None and tokenizer("a")["input_ids"][:1] == [bos]
        tokenizer.chat_template = ("{{ bos_token }}" if begins_with_bos else "") + PAPER_CHAT_TEMPLATE
    return tokenizer


def ensure_padding(tokenizer: PreTrainedTokenizerBase, side: str = "left") -> PreTrainedTokenizerBase:
    """Make a tokenizer pad on one side, now and after saving, and give it a padding token where it has none.

    On the left for a decoder, which continues the last position, so a prompt must end there. `save_pretrained` writes
    `padding_side` only if it came through the constructor, so it is put among the constructor's arguments. A missing
    padding token becomes the `eos_token`, as TRL has it: padding is masked, so its identity does not matter.

    Args:
        tokenizer: is changed.
        side: "left" or "right".

    Returns:
        The same tokenizer.
    """
    tokenizer.padding_side = side
    tokenizer.init_kwargs["padding_side"] = side
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def report_of(text: str, special_tokens: Iterable[str]) -> str:
    """Return the bare report in a model's output: no special tokens, no tags, single spaces.

    Args:
        text: a completion, or a whole conversation in the paper's template, of which the last answer is taken. What
            follows a tag after a completion (a model that went on talking) is no part of the report.
        special_tokens: the strings to remove.

    Returns:
        The report; empty if there is none.
    """
    for token in sorted(special_tokens, key=len, reverse=True):
        # Where tags are special tokens of the tokenizer, they are still needed to find the report.
        if not _TAG.fullmatch(token):
            text = text.replace(token, " ")
    before, *tagged = _TAG.split(text)
    answer = before
    if not before.strip():
        answers = [content for role, content in zip(tagged[::2], tagged[1::2], strict=True) if role == "assistant"]
        answer = answers[-1] if answers else ""
    return " ".join(answer.split())
