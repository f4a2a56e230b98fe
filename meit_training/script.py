"""How the training scripts begin and end: errors of the user's in one line, and a folder with the model."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import Trainer

from dataset_scripts.record import EcgInputError

from .lora import save_merged


def run_script(name: str, main: Callable[[], Any]) -> None:
    """Run `main`; what the user can mend is one line on stderr and exit code 2."""
    problem = None
    try:
        main()
    except EcgInputError as error:
        problem = str(error)
    # Not above: the error would keep all that was open until Python ends.
    if problem is not None:
        print(f"{name}: error: {problem}", file=sys.stderr)
        sys.exit(2)


def save_model_folder(trainer: Trainer, processor: Any, lora: bool) -> Path:
    """Write model and processor to the run's `output_dir`, an adapter merged and beside it, and return the folder."""
    out = Path(trainer.args.output_dir)
    if not lora:
        trainer.save_model(str(out))
    if trainer.is_world_process_zero():
        if lora:
            save_merged(trainer.model, out)
        processor.save_pretrained(out)
        print(f"model saved in {out}")
    return out
