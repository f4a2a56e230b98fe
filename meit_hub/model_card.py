"""The card of a published model: made where there is none, its header completed where somebody wrote one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCard, ModelCard
from yaml import YAMLError

from dataset_scripts.record import EcgInputError
from meit_hub.dataset_config import DataCard
from meit_hub.dataset_repo import read_card

MARK = "<!-- Made by `meit publish`. Remove this line, and your card is never replaced. -->"
# What transformers and TRL write by themselves, which says next to nothing of the model.
_BY_MACHINE = (MARK, "- generated_from_trainer", "This model card has been automatically generated")
_PAPER = "[arXiv 2403.04945](https://arxiv.org/abs/2403.04945)"
_FUSIONS = {
    "prefix": "join every attention layer's keys and values as a prefix",
    "input_tokens": "stand before the text as input tokens",
    "cross_attention": "are read through gated cross-attention",
}

_BODY = """
{mark}

# {name}

Reads a 12-lead ECG ({duration:g} s, {sampling_rate:g} Hz) and writes its report. An MEIT model ({paper}):
a `{encoder}` ECG encoder, whose tokens ({tokens} a recording) {fusion}, and a `{decoder}` decoder; {parameters:,}
parameters.{base}

> **Research use only.** Not a medical device; nothing it writes may be used for diagnosis, treatment or triage.
{pipeline}
```python
from transformers import {auto_class}, AutoProcessor

model = {auto_class}.from_pretrained("{repo_id}", trust_remote_code=True)
processor = AutoProcessor.from_pretrained("{repo_id}", trust_remote_code=True)
```

`trust_remote_code=True` runs the Python files of this repository on your machine. Read them, and pin what you read with
`revision=` and the hash of a commit.

## How good it is

{scores}

## Data

{data}

## Limits

It repeats the wording and the habits of the reports it learnt from. Rare findings are missed, and a fluent report is no
sign of a right one. What no table here measures is not known, such as how it reads the recordings of other hospitals,
devices and patients.

## Licence

The weights: {licence}.{base_licence} The Python files: Apache-2.0.
"""
_PIPELINE = """
```python
from transformers import pipeline

write_report = pipeline("{task}", model="{repo_id}", trust_remote_code=True)
write_report(signal, sampling_rate=500, lead_names=names)  # signal: [12, T] in millivolts
```
"""
_NO_HEADER = "---\n{}\n---\n"
_NO_SCORES = (
    "Nobody has measured it for this card. `meit eval quality` scores a model beside the controls that tell one that "
    "reads the ECG from one that only writes likely reports."
)


@dataclass(frozen=True)
class DataCredits:
    """What a card says of the data a model learnt from.

    Attributes:
        name: of the data set, with its version.
        licence: as its card states it.
        citation: BibTeX, or None.
        languages: of the reports.
        rows: in the training split; None where the data set does not say.
        hub_id: where it lies on the Hub, if it does.
        revision: of it there; None where none was named.
    """

    name: str
    licence: str
    citation: str | None
    languages: tuple[str, ...]
    rows: int | None
    hub_id: str | None
    revision: str | None = None

    @classmethod
    def read(cls, data: str, config: str | None = None, revision: str | None = None) -> DataCredits:
        """Read the card of one archive's data set that `meit build` wrote.

        Args:
            data: a folder or a Hub id.
            config: which of a repository's configurations; None where there is one.
            revision: branch, tag or commit on the Hub.

        Raises:
            EcgInputError: there is no such card, or it states no licence, or those of several archives.
            HubError: the Hub refuses or is not reached.
        """
        text, build, configs = read_card(data, config, revision)
        try:
            parsed = DatasetCard(text)
            figures = json.loads(build or "{}")
        except (ValueError, YAMLError) as error:
            raise EcgInputError(f"--data {data}: no card of a data set can be read there ({error})") from error
        card = DataCard(parsed.data.to_dict(), parsed.text)
        if not card.licences:
            raise EcgInputError(f"--data {data}: its card states no license; add one to the header of its README.md")
        if len(card.licences) > 1:
            which = f"one of {', '.join(configs)}" if configs else "the folder of one archive's data set with --data"
            raise EcgInputError(
                f"--data {data} holds data under several licences ({', '.join(card.licences)}); name what was trained "
                f"on with --data-config: {which}"
            )
        folder = Path(data)
        return cls(
            name=str(figures.get("source") or card.title or folder.name),
            licence=card.licences[0],
            citation=card.citation,
            languages=tuple(card.languages),
            rows=figures.get("rows", {}).get("train"),
            hub_id=None if folder.is_dir() else data,
            revision=revision,
        )

    def markdown(self) -> str:
        """Name, licence and citation."""
        url = f"https://huggingface.co/datasets/{self.hub_id}" + (f"/tree/{self.revision}" if self.revision else "")
        place = f"[{self.name}]({url})" if self.hub_id else f"`{self.name}`"
        rows = f", {self.rows:,} recordings with their reports" if self.rows else ""
        cite = f" Cite it:\n\n```bibtex\n{self.citation}\n```" if self.citation else ""
        return f"Trained on {place}{rows}; licence of the data: {self.licence}.{cite}"


def by_machine(card: str) -> bool:
    """Whether a program wrote a card, so that a better one may stand in its place."""
    return any(sign in card for sign in _BY_MACHINE)


def make_card(
    repo_id: str,
    config: Mapping[str, Any],
    parameters: int,
    header: Mapping[str, Any],
    data: DataCredits,
    tables: Sequence[str],
) -> str:
    """A whole card.

    Args:
        repo_id: where the model will lie.
        config: of config.json.
        parameters: of the weights.
        header: of the card, as `header_fields` gives it, with a licence.
        data: the model learnt from.
        tables: of scores, in Markdown.
    """
    ecg, text = config.get("ecg_config", {}), config.get("text_config", {})
    base = header.get("base_model")
    task = next(iter(config.get("custom_pipelines") or {}), None)
    auto_classes = [name for name in config.get("auto_map", {}) if name.startswith("AutoModelFor")]
    body = _BODY.format(
        mark=MARK,
        name=repo_id.split("/")[1],
        repo_id=repo_id,
        paper=_PAPER,
        pipeline=_PIPELINE.format(task=task, repo_id=repo_id) if task else "",
        auto_class=next(iter(auto_classes), "AutoModel"),
        duration=ecg.get("duration", 10),
        sampling_rate=ecg.get("sampling_rate", 500),
        encoder=ecg.get("kind", "temporal_conv"),
        tokens=config.get("num_ecg_tokens", 1),
        fusion=_FUSIONS.get(config.get("fusion", "prefix"), config.get("fusion")),
        decoder=text.get("model_type", "transformer"),
        parameters=parameters,
        base=f" It was made from [{base}](https://huggingface.co/{base})." if base else "",
        scores="\n\n".join(tables) or _NO_SCORES,
        data=data.markdown(),
        licence=header["license"],
        base_licence=f" The licence of {base} holds for them too." if base else "",
    )
    return complete_card(body, header)


def header_fields(licence: str | None, base_model: str | None, data: DataCredits | None) -> dict[str, Any]:
    """The header of a card: what is known of the fields that the Hub reads."""
    fields = {
        "license": licence,
        "language": list(data.languages) if data else None,
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["ecg", "electrocardiogram", "ecg-to-text", "medical", "report-generation", "meit"],
        "datasets": [data.hub_id] if data and data.hub_id else None,
        "base_model": base_model,
    }
    return {name: value for name, value in fields.items() if value}


def complete_card(card: str, header: Mapping[str, Any]) -> str:
    """Add the fields that a card's header does not have; its own fields and its text stay as they are.

    Raises:
        EcgInputError: the header is no YAML.
    """
    parsed = _parsed(card)
    own = parsed.data.to_dict()
    missing = {name: value for name, value in header.items() if not own.get(name)}
    if not missing:
        return card
    for name, value in missing.items():
        parsed.data[name] = value
    return str(parsed)


def licence_of(card: str) -> str | None:
    """The licence a card states; None if it states none."""
    return _parsed(card).data.to_dict().get("license")


def _parsed(card: str) -> ModelCard:
    try:
        return ModelCard(card if card.lstrip().startswith("---\n") else _NO_HEADER + card)
    except (ValueError, YAMLError) as error:
        raise EcgInputError(f"the header of README.md is no YAML: {error}") from error
