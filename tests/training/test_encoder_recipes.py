"""The recipes of recipes/encoders: each parses, names its command, and compares like with like."""

from pathlib import Path

import pytest
from transformers import TrainingArguments

from meit_training.arguments import DataArguments, EcgArguments
from meit_training.augmentation import EcgAugmentation
from meit_training.encoder_labels import LabelArguments
from meit_training.masked_ecg import MaskArguments
from meit_training.recipe import parse
from meit_training.settings import construct
from modeling_meit.configuration_ecg_encoder import EcgEncoderConfig

FOLDER = Path(__file__).parents[2] / "recipes" / "encoders"
RECIPES = {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def parsed(path):
    last = MaskArguments if "masked" in path.stem else LabelArguments
    return parse([str(path)], DataArguments, EcgArguments, last, TrainingArguments)


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_parses_and_begins_with_its_command(name):
    path = RECIPES[name]
    script = "pretrain_encoder" if "masked" in name else "train_encoder"
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith(f"# python {script}.py recipes/encoders/{path.name} data=FOLDER")
    data, ecg, _, training = parsed(path)
    config = construct(EcgEncoderConfig, "ecg_config", ecg.ecg_config)
    construct(EcgAugmentation, "augmentation", data.augmentation)
    assert training.output_dir == f"runs/{name}"
    # The small preset as it is, but for what regularises; only the longest run has the shipped model's narrower stem.
    free = {"drop_path": 0, **({"stem_width": 0} if name.endswith("long") else {})}
    assert {**config.to_dict(), **free} == {**EcgEncoderConfig(kind=config.kind, preset="small").to_dict(), **free}


def test_supervised_recipes_differ_in_encoder_and_length_alone():
    base, *others = [parsed(path) for name, path in RECIPES.items() if "superclasses" in name]
    for data, ecg, labels, training in others:
        assert (data, labels) == (base[0], base[2])
        assert ecg.ecg_config["preset"] == base[1].ecg_config["preset"]
        for field in ("per_device_train_batch_size", "weight_decay", "lr_scheduler_type", "warmup_steps", "seed"):
            assert getattr(training, field) == getattr(base[3], field)


def test_the_pretrained_vit_differs_from_the_other_in_its_start_alone():
    (data, ecg, labels, training), (data2, ecg2, labels2, training2) = (
        parsed(RECIPES[f"ptbxl-superclasses-{name}"]) for name in ("vit", "vit-ssl")
    )
    assert (data, ecg.ecg_config, labels) == (data2, ecg2.ecg_config, labels2)
    assert (ecg.encoder_weights, ecg2.encoder_weights) == (None, "runs/ptbxl-vit-masked/encoder")
    assert (training.max_steps, training.learning_rate) == (training2.max_steps, training2.learning_rate)
