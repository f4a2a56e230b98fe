"""Run by test_publish_dataset.py with an empty cache: opens what was published, whole and streaming, and prints it.

Arguments: repository, branch, names of configurations.
"""

import hashlib
import json
import sys

import numpy as np
from datasets import get_dataset_config_names, load_dataset

repo, revision, *names = sys.argv[1:]
found: dict = {"configs": get_dataset_config_names(repo, revision=revision), "loaded": {}}


def streamed(name):
    rows = load_dataset(repo, name, revision=revision, split="train", streaming=True)
    return rows.shuffle(seed=7, buffer_size=1)  # shards in another order; a larger buffer is not part of a state


for name in names:
    whole = load_dataset(repo, name, revision=revision)
    streams = load_dataset(repo, name, revision=revision, streaming=True)
    stream = streamed(name)
    order = [row["ecg_id"] for row in stream]
    rows = iter(stream)
    before = [next(rows)["ecg_id"] for _ in range(5)]
    resumed = streamed(name)
    resumed.load_state_dict(stream.state_dict())
    digests = {}
    if "signal" in whole["train"].column_names:
        for row in whole["train"]:
            digests[row["ecg_id"]] = hashlib.sha256(np.array(row["signal"], np.int16).tobytes()).hexdigest()
    found["loaded"][name] = {
        "rows": {split: [row["ecg_id"] for row in rows] for split, rows in whole.items()},
        "columns": whole["train"].column_names,
        "streamed as loaded": {split: list(streams[split]) == list(whole[split]) for split in whole},
        "shuffled": order,
        "before the cut": before,
        "after the cut": [row["ecg_id"] for row in resumed],
        "signals": digests,
    }
print(json.dumps(found))
