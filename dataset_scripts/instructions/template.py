"""A prompt and its completion in the shapes that trainers take, TRL's among them, without further code.

Which tags a backbone puts round the turns is its chat template's business, here only roles are named. The loss
belongs on the completion alone (MEIT, arXiv 2403.04945): TRL does so by itself with prompt and completion, and with
`assistant_only_loss` on messages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from dataset_scripts.record import EcgInputError

if TYPE_CHECKING:
    import datasets

_Data = TypeVar("_Data", "datasets.Dataset", "datasets.IterableDataset")


def as_messages(prompt: str, completion: str) -> dict[str, Any]:
    """Returns {"messages": [user, assistant]}, one conversation."""
    return {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": completion}]}


def as_prompt_completion(prompt: str, completion: str) -> dict[str, Any]:
    """Returns prompt and completion as plain text in the paper's tags, to be read one after the other as they are.

    For a tokenizer without a chat template; where it has the project's (`ensure_chat_template`), the tokens are the
    same as of `as_conversational`. The end token is the trainer's to add.
    """
    return {"prompt": f"<|user|>: {prompt.strip()} <|assistant|>:", "completion": f" {completion.strip()}"}


def as_conversational(prompt: str, completion: str) -> dict[str, Any]:
    """Returns prompt and completion as a user's and an assistant's message."""
    return {
        "prompt": [{"role": "user", "content": prompt}],
        "completion": [{"role": "assistant", "content": completion}],
    }


FORMATS: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "messages": as_messages,
    "prompt-completion": as_prompt_completion,
    "conversational": as_conversational,
}


def to_format(dataset: _Data, name: str) -> _Data:
    """Returns the texts of a built data set in one of `FORMATS`; the other columns, signals included, are never read.

    Args:
        dataset: with the columns `prompt` and `completion`, in memory or streamed.
        name: "messages", "prompt-completion" or "conversational".

    Returns:
        A data set of the same kind and order with the format's columns alone.

    Raises:
        EcgInputError: another name, or a column is missing.
    """
    if name not in FORMATS:
        raise EcgInputError(f"no format {name!r}; there are {', '.join(FORMATS)}")
    columns = dataset.column_names  # None where a stream has not said
    missing = [column for column in ("prompt", "completion") if columns is not None and column not in columns]
    if missing:
        raise EcgInputError(f"the data set has no column {', '.join(missing)}; give one made by `meit build`")
    texts = dataset.select_columns(["prompt", "completion"])
    convert = FORMATS[name]
    # Messages are of another type than texts: the columns are made anew.
    return texts.map(
        lambda prompt, completion: convert(prompt, completion),
        input_columns=["prompt", "completion"],
        remove_columns=["prompt", "completion"],
    )
