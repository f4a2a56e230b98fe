"""The model as a recipe describes it, before training, and its tokenizer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import torch
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Seq2SeqTrainingArguments,
    TrainingArguments,
)
from trl import SFTConfig

from dataset_scripts.record import EcgInputError
from modeling_meit.chat_template import ensure_chat_template, ensure_padding
from modeling_meit.configuration_ecg_encoder import EcgEncoderConfig
from modeling_meit.modeling_meit import MeitForCausalLM
from modeling_meit.modeling_meit_seq2seq import MeitForConditionalGeneration

from .arguments import FUSION_FIELDS, EcgArguments, TextArguments
from .encoder_weights import load_encoder
from .frozen_encoder import check_frozen
from .quantization import keep_unpacked, quantization_config
from .settings import check_names, construct
from .tokenizer import learn_tokenizer

Model = TypeVar("Model", MeitForCausalLM, MeitForConditionalGeneration)


def load_backbone(
    kind: Any, text: TextArguments, training: TrainingArguments
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The language model that `text.backbone` names, opened by the Auto class `kind`, and its tokenizer.

    Under LoRA its frozen weights take the precision of the training; weights that are trained are in float32, as in 16
    bits a step of the usual size is rounded away.

    Raises:
        EcgInputError: for a name under which there is none.
    """
    dtype = torch.bfloat16 if text.lora is not None and training.bf16 else torch.float32
    quantization = quantization_config(text, dtype)
    try:
        tokenizer = AutoTokenizer.from_pretrained(text.backbone)
        return kind.from_pretrained(text.backbone, dtype=dtype, quantization_config=quantization), tokenizer
    except (OSError, ValueError) as error:
        raise EcgInputError(f"backbone {text.backbone} cannot be loaded: {' '.join(str(error).split())}") from error


def load_decoder(text: TextArguments, training: SFTConfig) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The decoder that `text.backbone` names, and its tokenizer with a chat template.

    Raises:
        EcgInputError: for a name under which there is none, or a chat template that ends answers with another token.
    """
    backbone, tokenizer = load_backbone(AutoModelForCausalLM, text, training)
    keep_unpacked(backbone)
    if training.eos_token is not None:
        tokenizer.eos_token = training.eos_token
    ensure_padding(ensure_chat_template(tokenizer))
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "."}]
    answer = tokenizer.apply_chat_template(turns, tokenize=False).rstrip()
    if not answer.endswith(tokenizer.eos_token):
        raise EcgInputError(
            f"the chat template of {text.backbone} ends an answer with {answer[-16:]!r}, not with the end token "
            f"{tokenizer.eos_token!r}, so that no report would end; set eos_token to the token it ends with"
        )
    return backbone, tokenizer


def new_backbone(
    kind: Any, text: TextArguments, texts: Iterable[str], examples: str
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """What `text.decoder` describes with random weights, and a tokenizer learnt from `texts`.

    Args:
        kind: the Auto class that makes it.
        text: describes it.
        texts: reports and prompts.
        examples: of model types that will do, for the error.

    Raises:
        EcgInputError: for a model type that is not known or of another kind, or a field it does not have.
    """
    settings = dict(text.decoder or {})
    model_type = settings.pop("model_type", None)
    attention = settings.pop("attn_implementation", None)
    if model_type not in CONFIG_MAPPING or CONFIG_MAPPING[model_type] not in kind._model_mapping:
        raise EcgInputError(f"decoder.model_type is {model_type!r}, expected one of transformers' such as {examples}")
    tokenizer = learn_tokenizer(texts, text.vocab_size)
    config_class = CONFIG_MAPPING[model_type]
    # T5 knows no token that begins a text.
    names = {"bos_token_id", "eos_token_id", "pad_token_id"} & config_class.__dataclass_fields__.keys()
    ids = {name: getattr(tokenizer, name) for name in names}
    settings = {"vocab_size": len(tokenizer), **ids, **settings}
    config = construct(config_class, "decoder", settings, aliases=config_class.attribute_map)
    return kind.from_config(config, attn_implementation=attention), tokenizer


def check_settings(text: TextArguments, ecg: EcgArguments) -> EcgEncoderConfig:
    """Refuse what cannot be before anything is loaded; returns the encoder's configuration.

    Raises:
        EcgInputError: for a recipe that names neither a backbone nor a decoder to train from scratch, or both, or that
            sets what the parts of the model do not have.
    """
    if (text.backbone is None) == (text.decoder is None):
        raise EcgInputError("a recipe sets either backbone (with weights) or decoder (from scratch); set one of them")
    config = construct(EcgEncoderConfig, "ecg_config", ecg.ecg_config)
    check_names("fusion", text.fusion, FUSION_FIELDS)
    check_names("generation", text.generation, vars(GenerationConfig()))
    check_frozen(ecg)
    quantization_config(text, torch.float32)
    return config


def join(
    kind: type[Model],
    backbone: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    config: EcgEncoderConfig,
    text: TextArguments,
    ecg: EcgArguments,
    **generation: Any,
) -> Model:
    """`kind` of a backbone and an ECG encoder, with the recipe's weights and generation settings.

    Args:
        kind: the class of the whole.
        backbone: of its language model.
        tokenizer: of the backbone.
        config: of the ECG encoder.
        text: of the recipe.
        ecg: of the recipe.
        **generation: further defaults of the `GenerationConfig`.

    Raises:
        EcgInputError: for parts that do not fit each other.
    """
    try:
        model = kind.from_backbone(backbone, ecg_config=config, **text.fusion)
    except ValueError as error:
        raise EcgInputError(f"the recipe's model cannot be made: {error}") from error
    if ecg.encoder_weights is not None:
        load_encoder(model.meit.ecg_encoder, config, ecg.encoder_weights)
    ids = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    model.generation_config = GenerationConfig(**{**ids, **generation, **text.generation})
    return model


def make_model(
    text: TextArguments, ecg: EcgArguments, training: SFTConfig, texts: Iterable[str]
) -> tuple[MeitForCausalLM, PreTrainedTokenizerBase]:
    """The decoder before training, and its tokenizer.

    Raises:
        EcgInputError: for a recipe that cannot be used.
    """
    config = check_settings(text, ecg)
    if text.backbone:
        backbone, tokenizer = load_decoder(text, training)
    else:
        backbone, tokenizer = new_backbone(AutoModelForCausalLM, text, texts, "llama or gpt2")
        ensure_chat_template(tokenizer)
    return join(MeitForCausalLM, backbone, tokenizer, config, text, ecg), tokenizer


def make_seq2seq(
    text: TextArguments, ecg: EcgArguments, training: Seq2SeqTrainingArguments, texts: Iterable[str]
) -> tuple[MeitForConditionalGeneration, PreTrainedTokenizerBase]:
    """The encoder-decoder before training, and its tokenizer, which pads on the right.

    Of a backbone's generation settings only its start token is kept: that reports do not repeat themselves, or are as
    long as summaries, is not so.

    Raises:
        EcgInputError: for a recipe that cannot be used.
    """
    if text.quantization is not None:
        raise EcgInputError("quantization is for decoders (model: causal); leave it out")
    config = check_settings(text, ecg)
    if text.backbone:
        backbone, tokenizer = load_backbone(AutoModelForSeq2SeqLM, text, training)
    else:
        backbone, tokenizer = new_backbone(AutoModelForSeq2SeqLM, text, texts, "bart or t5")
        # Whatever its kind: the learnt tokenizer has a token for it.
        backbone.config.decoder_start_token_id = tokenizer.bos_token_id
    if tokenizer.eos_token is None:
        raise EcgInputError(f"the tokenizer of {text.backbone} has no eos_token, so that no report would end")
    # What the labels are shifted by; mBART and its kin, which shift otherwise, name a language elsewhere.
    start = getattr(backbone.config, "decoder_start_token_id", None)
    if start is None:
        start = backbone.generation_config.decoder_start_token_id
    model = join(MeitForConditionalGeneration, backbone, tokenizer, config, text, ecg, decoder_start_token_id=start)
    return model, ensure_padding(tokenizer, side="right")
