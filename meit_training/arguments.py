"""What a recipe may set beyond the trainer's own arguments."""

from __future__ import annotations

from dataclasses import dataclass, field

from dataset_scripts.record import EcgInputError

# What a recipe may say of how the ECG reaches the language model, of `MeitConfig`.
FUSION_FIELDS = ("fusion", "num_ecg_tokens", "ecg_layers", "ecg_norm", "ecg_token_id")


@dataclass
class DataArguments:
    """The rows a run learns from.

    Attributes:
        data: folder of a built data set, or its Hub id.
        data_config: name of the config on the Hub, such as "ptb-xl"; None where there is one only.
        data_revision: branch, tag or commit on the Hub; None is its main branch.
        tasks: what is learnt of each row: "report"; names of tasks in its column `questions`; or "all".
        validation_share: share of the training split's patients held out to watch the run; never the validation split.
        split_seed: draws those patients.
        max_rows: the first so many training rows only, for a quick try.
        augmentation: settings of `EcgAugmentation`; None switches it off.
        streaming: read the rows while training, in place of loading them first; needs `max_steps`.
        shuffle_buffer: streamed rows that are read and shuffled at a time.
        max_eval_rows: held-out rows of a stream to keep for evaluation, the first that come.
        tokenizer_rows: first rows of a stream that a tokenizer from scratch is learnt from.
    """

    data: str = field(default="", metadata={"help": "folder of a built data set, or its Hub id"})
    data_config: str | None = None
    data_revision: str | None = None
    tasks: list[str] = field(default_factory=lambda: ["report"])
    validation_share: float = 0.03
    split_seed: int = 0
    max_rows: int | None = None
    augmentation: dict | None = None
    streaming: bool = False
    shuffle_buffer: int = 2048
    max_eval_rows: int = 256
    tokenizer_rows: int = 20_000


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
        eval_text_metrics: logs BLEU, METEOR, ROUGE and CIDEr-D of teacher-forced guesses at each evaluation; needs the
            extra [eval].
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
    eval_text_metrics: bool = False


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
