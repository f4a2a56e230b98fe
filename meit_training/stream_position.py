"""How far a run has read its stream, kept beside each checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from dataset_scripts.record import EcgInputError
from dataset_scripts.whole_file import write_whole

from .ecg_stream import Place
from .resume import STREAM


class StreamPosition(TrainerCallback):
    """Writes the place of the last example that the weights have learnt from.

    Args:
        order: all that decides the order of the stream; a resumed run must have the same.

    Attributes:
        place: a `Place` as JSON, set by the trainer with each batch that it takes.
    """

    def __init__(self, order: Mapping[str, Any]):
        self.order = json.loads(json.dumps(order))
        self.place = "{}"

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called by the trainer, after a checkpoint is written."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        write_whole(folder / STREAM, json.dumps({"order": self.order, "place": json.loads(self.place)}))

    def read(self, checkpoint: str | Path) -> Place:
        """The place that a checkpoint of a run with the same order was written at.

        Raises:
            EcgInputError: for another order, naming what differs.
        """
        kept = json.loads((Path(checkpoint) / STREAM).read_text(encoding="utf-8"))
        there = kept["order"]
        names = [name for name in {**self.order, **there} if there.get(name) != self.order.get(name)]
        if names:
            was = ", ".join(f"{name}={there.get(name)}" for name in names)
            now = ", ".join(f"{name}={self.order.get(name)}" for name in names)
            raise EcgInputError(f"{checkpoint} read its stream with {was}, this run has {now}; go on with the same")
        self.place = json.dumps(kept["place"])
        return Place(**kept["place"])
