"""Put a trained model among the shipped ones, or bring the code beside them up to date.

    python checkpoints/ship.py runs/ptbxl-small checkpoints/meit-ptbxl-small
    python checkpoints/ship.py --refresh

Matrices are stored in 16 bits and read back in 32; vectors, batch statistics among them, stay in 32.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from modeling_meit.pipeline_meit import custom_pipelines

HERE = Path(__file__).resolve().parent
CODE = HERE.parent / "modeling_meit"
WEIGHTS = "model.safetensors"
# What a trained folder holds beside its weights that a reader of the model needs.
KEPT = ("config.json", "generation_config.json", "processor_config.json", "tokenizer*.json", "chat_template.jinja")


def copy_code(folder: Path) -> None:
    """Copy the remote code a model folder needs, and nothing that is no longer part of it."""
    for old in folder.glob("*.py"):
        old.unlink()
    for file in sorted(CODE.glob("*.py")):
        if file.name != "__init__.py":
            shutil.copyfile(file, folder / file.name)


def refresh(config: Path) -> None:
    """Bring the code beside a shipped model's configuration up to date, and the pipeline it names."""
    copy_code(config.parent)
    fields = json.loads(config.read_text(encoding="utf-8"))
    fields["custom_pipelines"] = custom_pipelines("AutoModelForCausalLM")
    part = config.with_suffix(".part")
    part.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    part.replace(config)


def ship(model: Path, folder: Path) -> None:
    """Write `model` into `folder`: 16-bit matrices, configuration, tokenizer and code. A card there is kept.

    Raises:
        FileNotFoundError: for a folder without one file of weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with safe_open(model / WEIGHTS, framework="pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        metadata = file.metadata()
    small = {name: value.to(torch.float16) if value.dim() > 1 else value for name, value in weights.items()}
    for pattern in KEPT:
        for source in model.glob(pattern):
            shutil.copyfile(source, folder / source.name)
    copy_code(folder)
    part = folder / (WEIGHTS + ".part")
    save_file(small, part, metadata=metadata)
    part.replace(folder / WEIGHTS)


def main() -> None:
    """Ship one model, or refresh all that are shipped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", help="folder train_sft.py wrote")
    parser.add_argument("folder", type=Path, nargs="?", help="where it is shipped")
    parser.add_argument("--refresh", action="store_true", help="only bring the code of every shipped model up to date")
    arguments = parser.parse_args()
    if arguments.refresh:
        for config in HERE.glob("*/config.json"):
            refresh(config)
    elif arguments.model and arguments.folder:
        ship(arguments.model, arguments.folder)
    else:
        sys.exit("ship: give a trained folder and where to ship it, or --refresh")


if __name__ == "__main__":
    main()
