"""The data card: README.md with the header that `datasets` and the Hub read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from datasets import DatasetInfo, Features, SplitDict, SplitInfo
from huggingface_hub import DatasetCardData

from dataset_scripts.sources import Source

CARD, BUILD_FILE = "README.md", "build.json"

_COLUMNS = """\
| column | what it holds |
|---|---|
| `ecg_id`, `patient_id` | the archive's own numbers |
| `signal` | int16 [12, T] in microvolts, rows I, II, III, aVR, aVL, aVF, V1-V6; -32768: a sample is missing |
| `sampling_rate` | in Hz |
| `report_raw` | the report word for word; statements on lines of their own; empty where the archive has none |
| `report` | the report cleaned, or sentences made of the labels |
| `report_en` | the same in English; a word that the translator does not know stands as `[?word]` |
| `language` | of the report: de, en, sv or other |
| `prompt`, `completion` | instruction and the text to learn |
| `questions` | further prompts and completions from labels and measurements, with their task |
| `age`, `sex` | in years (PTB-XL writes 300 for over 89); male or female |
| `scp_codes` | SCP-ECG statements with their likelihood in percent |
| `labels` | findings in other code systems: system, code, and full English name |
| `measurements`, `quality` | by name, the unit in the name; what the archive says of the recording |
| `signal_quality` | what the signal itself shows: missing, flat, saturated leads; noise; do the limb leads agree |
| `source` | the archive with its version |
"""

_READ = """\
```python
from datasets import load_dataset

dataset = load_dataset("path/to/this/folder")  # or streaming=True
signal = dataset["{split}"].with_format("numpy", columns=["signal"], dtype="int16")[0]["signal"] / 1000  # millivolts
```
"""


def write_card(
    folder: Path,
    source: Source,
    plan: Mapping[str, Any],
    counts: Mapping[str, Any],
    dropped: Mapping[str, Mapping[str, int]],
    files: Mapping[str, Sequence[Path]],
) -> None:
    """Writes README.md; the same build writes the same bytes.

    Args:
        folder: the data set's folder, its shards under `data/`.
        source: the archive.
        plan: what decided the content, as build.json has it.
        counts: see `figures.count`.
        dropped: reason -> split -> records left out.
        files: split -> its shards.
    """
    header = _header(folder, source, counts, files)
    body = _body(source, plan, counts, dropped)
    (folder / CARD).write_text(f"---\n{header}---\n{body}", encoding="utf-8")


def _header(folder: Path, source: Source, counts: Mapping[str, Any], files: Mapping[str, Sequence[Path]]) -> str:
    columns = Features.from_arrow_schema(pq.read_schema(next(path for paths in files.values() for path in paths)))
    sizes = {split: sum(path.stat().st_size for path in paths) for split, paths in files.items()}
    splits = SplitDict(
        {split: SplitInfo(split, num_bytes=sizes[split], num_examples=rows) for split, rows in counts["rows"].items()}
    )
    total = sum(sizes.values())
    info = DatasetInfo(features=columns, splits=splits, download_size=total, dataset_size=total)
    spoken = {language for by_language in counts["languages"].values() for language in by_language}
    card = DatasetCardData(
        language=sorted({*spoken, "en"} - {"other"}),
        license=source.licence,
        task_categories=["text-generation"],
        tags=["ecg", "electrocardiography", "medical", "time-series"],
        pretty_name=f"Instruction data from {source.title}",
        configs=[
            {
                "config_name": "default",
                "data_files": [
                    {"split": split, "path": [path.relative_to(folder).as_posix() for path in paths]}
                    for split, paths in files.items()
                ],
            }
        ],
        dataset_info=info._to_yaml_dict(),
    )
    return card.to_yaml() + "\n"


def _body(
    source: Source, plan: Mapping[str, Any], counts: Mapping[str, Any], dropped: Mapping[str, Mapping[str, int]]
) -> str:
    splits = list(counts["rows"])
    home = f" Get the archive at <{source.homepage}>." if source.homepage else ""
    lines = [
        f"# Instruction data from {source.title}",
        "",
        source.description + home,
        "",
        f"Built with meit-ecg from {source.name}: {_how_built(plan)}. For research; not for diagnosis.",
        "",
        source.patients_unknown or "No patient is in two splits.",
        "",
        _table(
            ["split", "rows", "patient ids" if source.patients_unknown else "patients", "language of the reports"],
            [[s, counts["rows"][s], counts["patients"][s], _listed(counts["languages"][s])] for s in splits],
        ),
        "",
    ]
    if dropped:
        by_reason = [[reason, *(n.get(s, 0) for s in splits), sum(n.values())] for reason, n in dropped.items()]
        lines += [_table(["left out because", *splits, "all"], by_reason), ""]
    known = [row for row in _what_to_know(counts) if any(cell not in ("", 0) for cell in row[1:])]
    if known:
        lines += ["## What to know of it", "", _table(["", *splits], known), ""]
    if counts["labels"]:
        shares = [[f"`{name}`", *(_percent(of[s]) for s in splits)] for name, of in counts["labels"].items()]
        lines += ["Most frequent labels, share of the rows:", "", _table(["label", *splits], shares), ""]
    lines += ["## Columns", "", _COLUMNS, _READ.format(split=splits[0])]
    licence = f"[{source.licence_name}]({source.licence_link})" if source.licence_link else source.licence_name
    lines += [f"## Licence\n\n{licence}. {source.licence_condition}\n"]
    if source.citation:
        lines += [f"Cite the archive:\n\n```bibtex\n{source.citation}\n```\n"]
    return "\n".join(lines)


def _what_to_know(counts: Mapping[str, Any]) -> list[list[object]]:
    splits = list(counts["rows"])
    flaws = sorted({flaw for split in splits for flaw in counts["signal_quality"][split]})
    return [
        ["reports that occur word for word in train", *(_percent(counts["repeated_reports"].get(s)) for s in splits)],
        ["distance of the labels from train's (0-1)", *(counts["label_shift"].get(s, "") for s in splits)],
        ["English texts with a word left as it is", *(counts["untranslated_words"][s] for s in splits)],
        ["questions", *(_listed(counts["questions"][s]) for s in splits)],
        *([f"recordings: {flaw}", *(counts["signal_quality"][s].get(flaw, 0) for s in splits)] for flaw in flaws),
    ]


def _how_built(plan: Mapping[str, Any]) -> str:
    options = plan["options"]
    told = "name" if options["name_language"] else "do not name"
    parts = [
        f"{plan['sampling_rate']} Hz",
        f"cleaning `{options['cleaning']}`",
        f"splits `{options['splits']}` (seed {options['split_seed']})",
        f"the text to learn is `{options['completion']}`, English by `{plan['translator']}`",
        f"{options['prompt_set']} prompts (seed {options['seed']}) that {told} its language",
        f"filter `{options['filter']}`",
    ]
    if options["mend_leads"]:
        parts.append("exchanged or inverted limb leads put right where only one mending is possible")
    if options["tasks"]:
        parts.append(f"questions on {', '.join(options['tasks'])}")
    if options["on_damaged"] == "drop":
        parts.append("records that cannot be read left out")
    parts += [f"{name} = {value}" for name, value in options["source_options"].items()]
    return ", ".join([*parts, f"code `{plan['code']}`"])


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items())


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
