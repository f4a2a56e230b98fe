"""CPU time of a training run, with what went before where the run was resumed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from dataset_scripts.whole_file import write_whole

NAME = "cpu_minutes.json"


def cpu_minutes_now() -> float:
    """User and system time of this process and of the workers it has ended, in minutes."""
    spent = os.times()
    return (spent.user + spent.system + spent.children_user + spent.children_system) / 60


class CpuClock(TrainerCallback):
    """Counts the CPU minutes behind the weights: work after a checkpoint that a cut run lost is not among them.

    Args:
        checkpoint: folder of the checkpoint that the run goes on from, or None.
    """

    def __init__(self, checkpoint: str | None):
        self.before = 0.0
        if checkpoint is not None and (Path(checkpoint) / NAME).is_file():
            self.before = json.loads((Path(checkpoint) / NAME).read_text(encoding="utf-8"))["cpu_minutes"]
        self.start = cpu_minutes_now()

    @property
    def minutes(self) -> float:
        """Spent so far."""
        return self.before + cpu_minutes_now() - self.start

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called by the trainer, after a checkpoint is written."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if state.is_world_process_zero and folder.is_dir():
            write_whole(folder / NAME, json.dumps({"cpu_minutes": self.minutes}))
