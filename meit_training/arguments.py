"""What a recipe may set beyond the trainer's own arguments."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets

from dataset_scripts.record import EcgInputError

# What a recipe may say of how the ECG reaches the language model, of `MeitConfig`.
FUSION_FIELDS = ("fusion", "num_ecg_tokens", "ecg_layers", "ecg_norm", "ecg_token_id")
COLUMNS = ("ecg_id", "patient_id", "signal", "sampling_rate", "prompt", "completion")


@dataclass
class DataArguments:
    """The rows a run learns from.

    Attributes:
        data: folder of a built data set, or its Hub id.
        validation_share: share of the training split's patients held out to watch the run; never the validation split.
        split_seed: draws those patients.
        max_rows: the first so many training rows only, for a quick try.
        augmentation: settings of `EcgAugmentation`; None switches it off.
    """

    data: str = field(default="", metadata={"help": "folder of a built data set, or its Hub id"})
    validation_share: float = 0.03
    split_seed: int = 0
    max_rows: int | None = None
    augmentation: dict | None = None


@dataclass
class EcgArguments:
    """The ECG's part of the model.

    Attributes:
        ecg_config: fields of `EcgEncoderConfig`.
        encoder_weights: folder `train_encoder.py` wrote, whose weights the encoder starts from.
        encoder_learning_rate: of the encoder in `train_sft.py`; None is that of everything else.
        freeze_encoder: `train_sft.py` leaves the encoder as `encoder_weights` has it, batch statistics included.
    """

    ecg_config: dict = field(default_factory=lambda: {"preset": "small"})
    encoder_weights: str | None = None
    encoder_learning_rate: float | None = None
    freeze_encoder: bool = False


@dataclass
class TextArguments:
    """The language model's part.

    Attributes:
        model: "causal", a decoder trained by `train_sft.py`; or "seq2seq", an encoder-decoder by `train_seq2seq.py`.
        backbone: folder or Hub id of one with weights and tokenizer; None builds `decoder` from scratch.
        decoder: `model_type` and fields of its configuration, to be trained from random weights.
        vocab_size: of the tokenizer learnt beside it.
        fusion: fields of `MeitConfig`: fusion, num_ecg_tokens, ecg_layers, ecg_norm, ecg_token_id.
        lora: fields of PEFT's `LoraConfig`; None trains every weight.
        quantization: fields of transformers' `BitsAndBytesConfig`, for a backbone in 4 or 8 bits under LoRA.
        language_told: share of training rows whose prompt names the language of the report.
        generation: fields of the `GenerationConfig` saved with the model.
        sample_reports: reports written beside the log at each evaluation.
    """

    model: str = "causal"
    backbone: str | None = None
    decoder: dict | None = None
    vocab_size: int = 2000
    fusion: dict = field(default_factory=dict)
    lora: dict | None = None
    quantization: dict | None = None
    language_told: float = 0.8
    generation: dict = field(default_factory=lambda: {"max_new_tokens": 128})
    sample_reports: int = 3


def check_model(text: TextArguments, own: str) -> None:
    """Refuse a recipe for another script.

    Args:
        text: of the recipe.
        own: the `model` this script trains.

    Raises:
        EcgInputError: naming the script to run.
    """
    scripts = {"causal": "train_sft.py", "seq2seq": "train_seq2seq.py"}
    if text.model not in scripts:
        raise EcgInputError(f"model is {text.model!r}, expected one of {', '.join(scripts)}")
    if text.model != own:
        raise EcgInputError(
            f"the recipe's model is {text.model!r}; run {scripts[text.model]} or `meit train`, or set model={own}"
        )


def training_rows(arguments: DataArguments, watched: bool) -> tuple[datasets.Dataset, Any]:
    """The training split and the mask of rows held out of it.

    Args:
        arguments: name data and patients.
        watched: whether the run is to be evaluated on held-out rows.

    Returns:
        the data set and a bool array, True for the rows of held-out patients.

    Raises:
        EcgInputError: for what is no built data set, or one that leaves no row to learn from or to evaluate.
    """
    from dataset_scripts.splits import patient_holdout

    if not arguments.data:
        raise EcgInputError("the recipe names no data; set data=FOLDER, as `meit build` wrote it")
    path = Path(arguments.data)
    if path.is_dir() and not (path / "README.md").is_file():
        raise EcgInputError(f"{path} is not a finished data set: it has no README.md; build it with `meit build`")
    try:
        rows = datasets.load_dataset(arguments.data, split="train")
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise EcgInputError(
            f"{arguments.data} is no data set with a split `train`; build one with `meit build`, or give a Hub id "
            f"({' '.join(str(error).split())})"
        ) from error
    missing = [name for name in COLUMNS if name not in rows.column_names]
    if missing:
        raise EcgInputError(f"{arguments.data} has no column {', '.join(missing)}; build it with `meit build`")
    if arguments.max_rows is not None:
        rows = rows.select(range(min(arguments.max_rows, len(rows))))
    held_out = patient_holdout(rows["patient_id"], arguments.validation_share, arguments.split_seed)
    if held_out.all():
        raise EcgInputError(
            f"validation_share={arguments.validation_share} leaves none of {len(rows)} rows to learn from; lower it"
        )
    if watched and not held_out.any():
        raise EcgInputError(
            f"validation_share={arguments.validation_share} holds none of {len(rows)} rows out to evaluate on; raise "
            "it, or set eval_strategy=no"
        )
    return rows, held_out
