"""The card at the top of a data set's repository: all its configurations, and a person's words where there are some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from huggingface_hub import DatasetCard
from yaml import YAMLError

from dataset_scripts.card import CARD
from dataset_scripts.record import EcgInputError
from dataset_scripts.splits import SPLITS
from meit_hub.dataset_config import DatasetConfig
from meit_hub.model_card import MARK, by_machine

_BODY = """
{mark}

# {name}

Instructions for language models that read a 12-lead ECG: signal, prompt and the report to write, cleaned, in the
original wording and in English, and split so that no patient is in two splits. Each configuration is one archive. For
research; not for diagnosis.

{table}

```python
from datasets import load_dataset

dataset = load_dataset("{repo_id}", "{first}")  # or streaming=True
```

{sections}
"""
_INDEX = (
    "**Without signals:** an index, with a digest of each signal. Who has the archive rebuilds the data set, and every "
    "row is compared: `meit build {builder} --src ARCHIVE --out FOLDER --index {repo_id}:{name}`"
)


def repository_card(repo_id: str, configs: Sequence[DatasetConfig], there: str | None) -> tuple[str, list[str]]:
    """Makes the card of a repository, or completes the header of one that a person wrote.

    Args:
        repo_id: "user/name".
        configs: all of them, those that are on the Hub already too.
        there: the card on the Hub, or None.

    Returns:
        The card, and what a publisher should know of it.

    Raises:
        EcgInputError: the header of the card on the Hub is no YAML.
    """
    card = _parsed(there or "")
    old = card.data.to_dict()
    merged = _merged(old, configs)
    if there is not None and card.text.strip() and not by_machine(there):
        header = {**{name: value for name, value in _fields(repo_id, configs).items() if not old.get(name)}, **merged}
        notes = [f"the {CARD} on the Hub was written by a person and is kept; its header lists the configurations"]
        stated = old.get("license") or []
        unstated = {config.licence for config in configs} - set([stated] if isinstance(stated, str) else stated)
        if old.get("license") and unstated:
            notes.append(f"its header does not state the licence {', '.join(sorted(unstated))}; add it there")
        if all(old.get(name) == value for name, value in header.items()):
            return there, notes
        for name, value in header.items():
            card.data[name] = value
        return str(card), notes
    fields = _fields(repo_id, configs)
    # What somebody set in the header by hand, such as `gated`, stays.
    header = {**{name: value for name, value in old.items() if name not in fields}, **fields, **merged}
    for name, value in header.items():
        card.data[name] = value
    return f"---\n{card.data.to_yaml()}\n---\n{_body(repo_id, configs)}", []


def _parsed(card: str) -> DatasetCard:
    try:
        return DatasetCard(card if card.lstrip().startswith("---\n") else f"---\n{{}}\n---\n{card}")
    except (ValueError, YAMLError) as error:
        raise EcgInputError(f"the header of {CARD} on the Hub is no YAML ({error}); put it right there") from error


def _fields(repo_id: str, configs: Sequence[DatasetConfig]) -> dict[str, Any]:
    licences = sorted({config.licence for config in configs})
    return {
        "license": licences[0] if len(licences) == 1 else licences,
        "language": sorted({language for config in configs for language in config.languages}),
        "task_categories": _together(configs, "task_categories"),
        "tags": _together(configs, "tags"),
        "pretty_name": repo_id.split("/")[1],
    }


def _together(configs: Sequence[DatasetConfig], field: str) -> list[str]:
    return sorted({value for config in configs for value in config.header.get(field) or []})


def _merged(old: Mapping[str, Any], configs: Sequence[DatasetConfig]) -> dict[str, Any]:
    """Returns `configs` and `dataset_info` with ours, and with what else the header had."""
    ours = {config.name: config.header_entries() for config in configs}
    merged = {}
    for place, field in enumerate(("configs", "dataset_info")):
        entries = old.get(field) or []
        others = [entries] if isinstance(entries, dict) else list(entries)
        kept = [entry for entry in others if entry.get("config_name", "default") not in ours]
        merged[field] = kept + [ours[name][place] for name in sorted(ours)]
    return merged


def _body(repo_id: str, configs: Sequence[DatasetConfig]) -> str:
    splits = [split for split in SPLITS if any(split in c.plan["rows"] for c in configs)]
    rows = [["configuration", "archive", *splits, "patients", "Hz", "signals", "licence"], ["---"] * (len(splits) + 6)]
    for config in configs:
        plan = config.plan
        rows.append(
            [
                f"[`{config.name}`]({config.name}/{CARD})",
                plan["source"],
                *(f"{plan['rows'][split]:,}" if split in plan["rows"] else "" for split in splits),
                f"{sum(plan['patients'].values()):,}",
                str(plan["sampling_rate"]),
                "index" if config.is_index else "yes",
                config.licence,
            ]
        )
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    sections = "\n\n".join(_section(repo_id, config) for config in configs)
    name, first = repo_id.split("/")[1], configs[0].name
    return _BODY.format(mark=MARK, name=name, repo_id=repo_id, first=first, table=table, sections=sections).lstrip("\n")


def _section(repo_id: str, config: DatasetConfig) -> str:
    options, dropped = config.plan["options"], config.plan["dropped"]
    asked = f"; questions on {', '.join(options['tasks'])}" if options["tasks"] else ""
    lines = [f"## {config.name}", config.description]
    if config.is_index:
        lines.append(_INDEX.format(builder=config.plan["builder"], repo_id=repo_id, name=config.name))
    lines.append(
        f"Built with meit-ecg: cleaning `{options['cleaning']}`, splits `{options['splits']}` (seed "
        f"{options['split_seed']}), filter `{options['filter']}`, learnt `{options['completion']}`{asked}. "
        f"All of it stands in [build.json]({config.name}/build.json)."
    )
    if dropped:
        left_out = ", ".join(f"{sum(by_split.values()):,} {reason}" for reason, by_split in dropped.items())
        lines.append(f"Left out: {left_out}; their ids are in [manifest.json]({config.name}/manifest.json).")
    lines.append(f"Licence: {config.licence}." + (" Cite the archive:" if config.citation else ""))
    if config.citation:
        lines.append(f"```bibtex\n{config.citation}\n```")
    return "\n\n".join(lines)
