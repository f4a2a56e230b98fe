"""The data card: README.md with the header that `datasets` and the Hub read, and build.json with all counts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
from datasets import DatasetInfo, Features, SplitDict, SplitInfo
from huggingface_hub import DatasetCardData

from dataset_scripts.sources import Source

if TYPE_CHECKING:
    from dataset_scripts.build import BuildOptions, BuildResult

BUILD_FILE = "build.json"
SCHEMA_VERSION = "1"

_COLUMNS = """\
| column | what it holds |
|---|---|
| `ecg_id`, `patient_id` | the archive's own numbers; no patient is in two splits |
| `signal` | int16 [12, T] in microvolts, rows I, II, III, aVR, aVL, aVF, V1-V6; -32768 where a sample is missing |
| `sampling_rate` | in Hz |
| `report_raw` | the report word for word |
| `report` | the report cleaned |
| `language` | of the report: de, en, sv or other |
| `prompt`, `completion` | instruction and the text to learn (= `report`) |
| `age`, `sex` | in years (PTB-XL writes 300 for over 89); male or female |
| `scp_codes` | SCP-ECG statements with their likelihood in percent |
| `measurements`, `quality` | by name, the unit in the name; what the archive says of the recording |
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
    options: BuildOptions,
    result: BuildResult,
    files: Mapping[str, Sequence[Path]],
) -> None:
    """Writes README.md and build.json; the same build writes the same bytes.

    Args:
        folder: the data set's folder, its shards under `data/`.
        source: the archive.
        options: what decided the content.
        result: counts.
        files: split -> its shards.
    """
    figures = {
        "schema": SCHEMA_VERSION,
        "source": source.name,
        "sampling_rate": source.sampling_rate,
        "cleaning": options.cleaning,
        "name_language": options.name_language,
        "seed": options.seed,
        "shard": list(options.shard) if options.shard else None,
        "source_options": dict(options.source_options),
        "rows": result.rows,
        "patients": result.patients,
        "languages": result.languages,
        "dropped": result.dropped,
    }
    header = _header(folder, source, result, files)
    (folder / "README.md").write_text(f"---\n{header}---\n{_body(source, options, result)}", encoding="utf-8")
    (folder / BUILD_FILE).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _header(folder: Path, source: Source, result: BuildResult, files: Mapping[str, Sequence[Path]]) -> str:
    columns = Features.from_arrow_schema(pq.read_schema(next(path for paths in files.values() for path in paths)))
    sizes = {split: sum(path.stat().st_size for path in paths) for split, paths in files.items()}
    splits = SplitDict(
        {split: SplitInfo(split, num_bytes=sizes[split], num_examples=rows) for split, rows in result.rows.items()}
    )
    total = sum(sizes.values())
    info = DatasetInfo(features=columns, splits=splits, download_size=total, dataset_size=total)
    spoken = {language for counts in result.languages.values() for language in counts}
    card = DatasetCardData(
        language=sorted(spoken - {"other"}),
        license=source.licence,
        task_categories=["text-generation"],
        tags=["ecg", "electrocardiography", "medical", "time-series"],
        pretty_name=f"Instruction data from {source.name}",
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


def _body(source: Source, options: BuildOptions, result: BuildResult) -> str:
    languages = sorted({language for counts in result.languages.values() for language in counts})
    part = f" Part {options.shard[0]} of {options.shard[1]} of the archive." if options.shard else ""
    told = "names the language of the report" if options.name_language else "does not name the language of the report"
    dropped = sum(sum(counts.values()) for counts in result.dropped.values())
    lines = [
        f"# Instruction data from {source.name}",
        "",
        source.description,
        "",
        f"Built with meit-ecg: {source.sampling_rate} Hz, cleaning `{options.cleaning}`, seed {options.seed}; "
        f"the prompt {told}.{part} For research; not for diagnosis.",
        "",
        _table(
            ["split", "rows", "patients", *languages],
            [
                [split, rows, result.patients[split], *(result.languages[split].get(code, 0) for code in languages)]
                for split, rows in result.rows.items()
            ],
        ),
        "",
        f"No patient is in two splits. Records left out: {dropped}.",
        "",
    ]
    if dropped:
        counts = [
            [reason, *(by_split.get(s, 0) for s in result.rows), sum(by_split.values())]
            for reason, by_split in result.dropped.items()
        ]
        lines += [_table(["left out because", *result.rows, "all"], counts), ""]
    lines += [_COLUMNS, _READ.format(split=next(iter(result.rows)))]
    lines += [f"## Licence and citation\n\n{source.licence}. Cite the archive:\n\n```bibtex\n{source.citation}\n```\n"]
    return "\n".join(lines)


def _table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
