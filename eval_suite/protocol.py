"""What is scored and how, under a name and a version that every table carries: numbers compare only within one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Literal

from dataset_scripts.errors import EcgInputError
from eval_suite.metrics.bertscore import PAPERS_MODEL, BertScore
from eval_suite.metrics.release import release_definitions, release_statistics, release_texts
from eval_suite.metrics.text import TextStatistics, metric_definitions, text_statistics


@dataclass(frozen=True)
class Protocol:
    """A way of scoring; its version changes with anything that moves a number.

    Attributes:
        name: as `--protocol` and the tables give it.
        version: raised with every change that moves a number of a row and column that were there before.
        rules: what it prescribes, in a sentence.
        left_in: what is scored with both texts: nothing, the released code's tag, or the whole prompt.
    """

    name: str
    version: int
    rules: str
    left_in: Literal["nothing", "tag", "prompt"] = "nothing"

    def definitions(self) -> dict[str, str]:
        """What each of its columns is, label -> text."""
        return metric_definitions() if self.left_in == "nothing" else release_definitions(self.left_in == "prompt")


STRICT = Protocol(
    name="strict",
    version=1,
    rules="the model's answer alone (no prompt, no template, no special token) against the whole report of the row, "
    "every row of the split, corpus-level BLEU, one tokenisation for every metric",
)
MEIT_RELEASE = Protocol(
    name="meit-release",
    version=1,
    rules="as MEIT's released code scores (not comparable with strict): BLEU of batches of 32 rows averaged, tokens "
    "between white space, the tag <|assistant|>: left in both texts, CIDEr-D without document frequencies",
    left_in="tag",
)
MEIT_RELEASE_PROMPT = Protocol(
    name="meit-release-prompt",
    version=1,
    rules="as MEIT's released zero-shot and BERTScore scripts score (not comparable with anything else): as "
    "meit-release, and the whole prompt left in both texts, which every system then gets right",
    left_in="prompt",
)
PROTOCOLS = {protocol.name: protocol for protocol in (STRICT, MEIT_RELEASE, MEIT_RELEASE_PROMPT)}


def find_protocol(name: Protocol | str) -> Protocol:
    """The protocol of that name; one that is given itself is returned.

    Raises:
        EcgInputError: there is none.
    """
    if isinstance(name, Protocol):
        return name
    if name not in PROTOCOLS:
        near = get_close_matches(name, PROTOCOLS, n=1)
        raise EcgInputError(
            f"no protocol {name!r}{f', did you mean {near[0]!r}?' if near else ''}; there are {', '.join(PROTOCOLS)}"
        )
    return PROTOCOLS[name]


def check_bertscore(protocol: Protocol, bertscore: BertScore | None) -> None:
    """Refuse a BERTScore that a protocol does not have.

    Raises:
        EcgInputError: as said.
    """
    released = protocol.left_in != "nothing"
    if bertscore and released and (bertscore.name != PAPERS_MODEL or not bertscore.rescaled):
        raise EcgInputError(
            f"{protocol.name} with {bertscore.columns[2]}, expected {PAPERS_MODEL}, rescaled, as the released code has "
            "it; give that model with rescaled=True, or leave BERTScore out"
        )


def score_rows(
    predictions: Sequence[str],
    references: Sequence[str],
    prompts: Sequence[str] | None = None,
    protocol: Protocol | str = STRICT,
    *,
    bertscore: BertScore | None = None,
) -> TextStatistics:
    """The rows' statistics under a protocol, for `eval_suite.statistics` to put intervals on.

    Args:
        predictions: the model's answers alone, one a row; an empty one scores zero everywhere.
        references: one a row, none empty.
        prompts: the user's turns; only `meit-release-prompt` looks at them.
        protocol: itself or its name.
        bertscore: adds its three columns, on the texts as the protocol has them. The two release protocols take only
            roberta-large, rescaled.

    Raises:
        EcgInputError: bad rows (`check_texts`), no such protocol, a prompt is missing, or another BERTScore model
            than the protocol has.
    """
    protocol = find_protocol(protocol)
    check_bertscore(protocol, bertscore)
    if protocol.left_in == "prompt" and prompts is None:
        raise EcgInputError(f"{protocol.name} scores the prompts too; give one a row, or take meit-release")
    if protocol.left_in != "nothing":
        texts = release_texts(predictions, references, prompts if protocol.left_in == "prompt" else None)
        found: TextStatistics = release_statistics(*texts)
    else:
        texts = list(predictions), list(references)
        found = text_statistics(*texts)
    if bertscore is None:
        return found
    return replace(found, row_scores={**found.row_scores, **bertscore.rows(*texts)})


def score(
    predictions: Sequence[str],
    references: Sequence[str],
    prompts: Sequence[str] | None = None,
    protocol: Protocol | str = STRICT,
    *,
    bertscore: BertScore | None = None,
) -> dict[str, float]:
    """Every text metric of one set of predictions under one protocol, in the table's order; arguments as `score_rows`.

    Raises:
        EcgInputError: as `score_rows`.
    """
    return score_rows(predictions, references, prompts, protocol, bertscore=bertscore).values()


CONTROLS = (
    "the model with ECG values of zeros put in after the extractor (blank) and with another patient's record of the "
    "split (shuffled); for every row the most frequent and a random training report, told: among those in the row's "
    "own language"
)


@dataclass(frozen=True)
class Conditions:
    """What a table was computed under.

    Attributes:
        system: what was evaluated: a model with the hash of its files, or a file of predictions.
        data: name of the data set.
        split: "train", "validation" or "test".
        rows: rows scored.
        rows_in_split: rows that the split has.
        patients: distinct patients among the rows scored.
        text_column: the column that is the reference, "report", "report_raw" or "report_en".
        language_told: whether the prompt names the report's language; None where a file of predictions does not say.
        seed: of the prompts, the controls and the bootstrap.
        samples: bootstrap draws.
        protocol: how it is scored.
        controls: what stands beside the evaluated system.
        train_data: name of the data set whose training reports the controls take, where it is another one.
        more: label -> text, what else a table must say.
    """

    system: str
    data: str
    split: str
    rows: int
    rows_in_split: int
    patients: int
    text_column: str
    language_told: bool | None
    seed: int
    samples: int
    protocol: Protocol = STRICT
    controls: str = CONTROLS
    train_data: str | None = None
    more: Mapping[str, str] = field(default_factory=dict)

    def lines(self) -> dict[str, str]:
        """Everything a table must say of itself, label -> text, in the order to print it."""
        told = {True: "yes", False: "no", None: "not stated"}[self.language_told]
        every = "" if self.rows == self.rows_in_split else f" (the first of {self.rows_in_split:,})"
        return {
            "protocol": f"{self.protocol.name} version {self.protocol.version}: {self.protocol.rules}",
            "evaluated": self.system,
            "data": f"{self.data}, split {self.split}",
            "rows scored": f"{self.rows:,}{every}, of {self.patients:,} patients",
            "text column": self.text_column,
            "language told to the model": told,
            "interval": f"95 % percentile bootstrap, {self.samples:,} draws of whole patients",
            "seed": str(self.seed),
            "controls": self.controls,
            **({"training reports": f"{self.train_data}, split train"} if self.train_data else {}),
            **self.protocol.definitions(),
            **self.more,
        }
