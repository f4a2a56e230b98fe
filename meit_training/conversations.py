"""What is asked and answered of each row, before any of it becomes tokens."""

from __future__ import annotations

import datasets
import numpy as np

from dataset_scripts.instructions.prompts import draw_prompt


def conversations(rows: datasets.Dataset, language_told: float, seed: int) -> datasets.Dataset:
    """Prompt and completion as chat messages, with the row each belongs to; no signal is copied.

    Args:
        rows: a built data set's.
        language_told: share of the rows whose prompt names the language.
        seed: draws those rows.

    Returns:
        columns prompt, completion, row.
    """
    told = np.random.default_rng(seed).random(len(rows)) < language_told
    texts = rows.select_columns(["ecg_id", "prompt", "completion"])

    def convert(row: dict, index: int) -> dict:
        prompt = row["prompt"] if told[index] else draw_prompt(row["ecg_id"], None)
        return {
            "prompt": [{"role": "user", "content": prompt}],
            "completion": [{"role": "assistant", "content": row["completion"]}],
            "row": index,
        }

    # Not from the cache: its key does not know the text of the prompts.
    return texts.map(
        convert,
        with_indices=True,
        remove_columns=texts.column_names,
        load_from_cache_file=False,
        desc="Conversations",
    )
