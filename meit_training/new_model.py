"""The model as a recipe describes it, before training, and its tokenizer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from trl import SFTConfig

from dataset_scripts.record import EcgInputError
from modeling_meit.chat_template import ensure_chat_template, ensure_padding
from modeling_meit.configuration_meit import EcgEncoderConfig
from modeling_meit.modeling_meit import MeitForCausalLM

from .arguments import EcgArguments, TextArguments
from .encoder_weights import load_encoder
from .settings import check_names, construct
from .tokenizer import learn_tokenizer


def load_backbone(text: TextArguments, training: SFTConfig) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The decoder that `text.backbone` names, and its tokenizer.

    Under LoRA its frozen weights take the precision of the training; weights that are trained are in float32, as in 16
    bits a step of the usual size is rounded away.

    Raises:
        EcgInputError: for a name under which there is none, or a chat template that ends answers with another token.
    """
    dtype = torch.bfloat16 if text.lora is not None and training.bf16 else torch.float32
    try:
        tokenizer = AutoTokenizer.from_pretrained(text.backbone, padding_side="left")
        backbone = AutoModelForCausalLM.from_pretrained(text.backbone, dtype=dtype)
    except (OSError, ValueError) as error:
        raise EcgInputError(f"backbone {text.backbone} cannot be loaded: {' '.join(str(error).split())}") from error
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


def new_decoder(text: TextArguments, texts: Sequence[str]) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The decoder that `text.decoder` describes with random weights, and a tokenizer learnt from `texts`.

    Raises:
        EcgInputError: for a kind of decoder that is not known, or a field it does not have.
    """
    settings = dict(text.decoder or {})
    kind = settings.pop("model_type", None)
    attention = settings.pop("attn_implementation", None)
    if kind not in CONFIG_MAPPING:
        raise EcgInputError(f"decoder.model_type is {kind!r}, expected a decoder of transformers such as llama or gpt2")
    tokenizer = learn_tokenizer(texts, text.vocab_size)
    ids = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    config_class = CONFIG_MAPPING[kind]
    settings = {"vocab_size": len(tokenizer), **ids, **settings}
    config = construct(config_class, "decoder", settings, aliases=config_class.attribute_map)
    return AutoModelForCausalLM.from_config(config, attn_implementation=attention), ensure_chat_template(tokenizer)


def make_model(
    text: TextArguments, ecg: EcgArguments, training: SFTConfig, texts: Sequence[str]
) -> tuple[MeitForCausalLM, PreTrainedTokenizerBase]:
    """The model before training, and its tokenizer.

    Raises:
        EcgInputError: for a recipe that names neither a backbone nor a decoder to train from scratch, or both, or that
            sets what the parts of the model do not have.
    """
    if (text.backbone is None) == (text.decoder is None):
        raise EcgInputError("a recipe sets either backbone (with weights) or decoder (from scratch); set one of them")
    config = construct(EcgEncoderConfig, "ecg_config", ecg.ecg_config)
    check_names("fusion", text.fusion, {"num_ecg_tokens", "fusion", "ecg_norm"})
    check_names("generation", text.generation, vars(GenerationConfig()))
    backbone, tokenizer = load_backbone(text, training) if text.backbone else new_decoder(text, texts)
    try:
        model = MeitForCausalLM.from_backbone(backbone, ecg_config=config, **text.fusion)
    except ValueError as error:
        raise EcgInputError(f"the recipe's model cannot be made: {error}") from error
    if ecg.encoder_weights is not None:
        load_encoder(model.meit.ecg_encoder, config, ecg.encoder_weights)
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        **text.generation,
    )
    return model, tokenizer
