"""What a model will count and weigh, found on the meta device: every layer is built and adapted, none gets memory."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from peft import PeftModel, get_peft_model
from torch import nn
from transformers import CONFIG_MAPPING, AutoConfig
from transformers.pytorch_utils import Conv1D
from transformers.quantizers.base import get_keys_to_not_convert
from transformers.quantizers.quantizers_utils import should_convert_module
from trl import SFTConfig

from dataset_scripts.record import EcgInputError
from modeling_meit.configuration_ecg_encoder import EcgEncoderConfig
from modeling_meit.configuration_meit import MeitConfig
from modeling_meit.modeling_meit import MeitForCausalLM

from .arguments import FUSION_FIELDS, DataArguments, EcgArguments, TextArguments
from .lora import lora_config
from .paper_backbones import PAPER_BACKBONES
from .recipe import load_recipe, merge, overrides, parse
from .settings import check_names, construct

GIB = 1024**3
PAPER_LORA = {"r": 64, "lora_alpha": 128, "lora_dropout": 0.1}
# Of a trained weight in float32: its gradient and AdamW's two moments.
_OPTIMIZER_BYTES = 4 + 8
# nf4 in blocks of 64: 4 bits a weight and a float32 scale a block (arXiv 2305.14314, without double quantisation).
_NF4_BYTES = 0.5 + 4 / 64


@dataclass(frozen=True)
class DryRun:
    """Counts are parameters, memory is in bytes, without activations.

    Attributes:
        name: of the row.
        parameters: of backbone and ECG side, shared ones once.
        ecg: of the ECG side alone.
        lora: added by LoRA; 0 without it.
        trained: parameters that are trained, the ECG side among them.
        weights: to run the model, backbone in bf16 and ECG side in float32.
        training: to train it, on top of the activations: weights, adapters, gradients, AdamW's moments; without LoRA
            the backbone in float32.
        weights_4bit: to run the model with the backbone's linear layers in nf4; its embeddings and head stay in bf16.
        training_4bit: QLoRA's; 0 without LoRA.
        cache: keys and values of one token in bf16.
    """

    name: str
    parameters: int
    ecg: int
    lora: int
    trained: int
    weights: int
    training: int
    weights_4bit: int
    training_4bit: int
    cache: int

    @property
    def share(self) -> float:
        """Trained parameters over all, LoRA's included."""
        return self.trained / (self.parameters + self.lora)


def dry_run(name: str, config: MeitConfig, lora: dict[str, Any] | None) -> DryRun:
    """Build the model `config` describes on the meta device, put LoRA on it and count.

    Args:
        name: of the row.
        config: of the model.
        lora: fields of `LoraConfig`; None counts a run that trains every weight.

    Raises:
        EcgInputError: for a decoder that cannot be used, or a LoRA that does not fit it.
    """
    if config.is_encoder_decoder:
        raise EcgInputError(f"{name} is an encoder-decoder; the dry run is for decoders")
    config = copy.deepcopy(config)
    config.text_config.dtype = torch.bfloat16
    # Fused attention would look into a mask that has no numbers here.
    config.text_config._attn_implementation = "eager"
    try:
        with torch.device("meta"):
            model = MeitForCausalLM(config).eval()
            parameters, weights, spared = _numel(model.parameters()), _bytes(model.parameters()), _spared_by_nf4(model)
            ecg = _numel(value for key, value in model.meit.named_parameters() if not key.startswith("backbone."))
            cache = _cache_bytes(model)
            adapted = None if lora is None else _adapted(model, lora)
    except (TypeError, ValueError) as error:
        raise EcgInputError(f"{name} cannot be built: {' '.join(str(error).split())}") from error
    if adapted is None:
        added, trained, training, training_4bit = 0, parameters, parameters * (4 + _OPTIMIZER_BYTES), 0
    else:
        added = _numel(value for key, value in adapted.named_parameters() if "lora_" in key)
        trained = _numel(value for value in adapted.parameters() if value.requires_grad)
        # PEFT keeps the ECG side's first weights beside those it trains; they are among these.
        training = _bytes(adapted.parameters()) + trained * _OPTIMIZER_BYTES
        training_4bit = training - spared
    return DryRun(name, parameters, ecg, added, trained, weights, training, weights - spared, training_4bit, cache)


def paper_rows() -> list[DryRun]:
    """One row for each language model of the paper, LoRA and ECG encoder as the paper has them."""
    rows = []
    for name, (_, model_type, fields) in PAPER_BACKBONES.items():
        config = MeitConfig(text_config=AutoConfig.for_model(model_type, **fields), ecg_config={"preset": "paper"})
        rows.append(dry_run(name, config, PAPER_LORA))
    return rows


def recipe_row(path: str, settings: Sequence[str] = ()) -> DryRun:
    """The row of a recipe of `train_sft.py`.

    Args:
        path: of the YAML file.
        settings: `key=value`, as on the training's command line.

    Raises:
        EcgInputError: for a recipe that describes no decoder, or names one whose configuration is not here.
    """
    # First, as recipes for encoders and encoder-decoders have settings that decoders do not know.
    recipe = merge(load_recipe(path), overrides(settings))
    if (recipe.get("backbone") is None) == (recipe.get("decoder") is None):
        raise EcgInputError(f"recipe {path} names no language model, or two; set either backbone or decoder")
    if recipe.get("model", "causal") != "causal":
        raise EcgInputError(f"recipe {path} is for an encoder-decoder; the dry run is for decoders")
    _, ecg, text, _ = parse([path, *settings], DataArguments, EcgArguments, TextArguments, SFTConfig)
    check_names("fusion", text.fusion, FUSION_FIELDS)
    encoder = construct(EcgEncoderConfig, "ecg_config", ecg.ecg_config)
    decoder = _backbone_config(text.backbone) if text.backbone else _decoder_config(text)
    try:
        config = MeitConfig(text_config=decoder, ecg_config=encoder, **text.fusion)
    except (TypeError, ValueError) as error:
        raise EcgInputError(f"recipe {path} cannot be used: {' '.join(str(error).split())}") from error
    return dry_run(path, config, text.lora)


def table(rows: Sequence[DryRun]) -> str:
    """The rows as text in columns, with what they mean below."""
    columns: list[tuple[str, Callable[[DryRun], str]]] = [
        ("model", lambda row: row.name),
        ("parameters", lambda row: f"{row.parameters:,}"),
        ("ECG side", lambda row: f"{row.ecg:,}"),
        ("LoRA", lambda row: f"{row.lora:,}"),
        ("trained", lambda row: f"{row.share:.2%}"),
        ("bf16", lambda row: f"{row.weights / GIB:.1f}"),
        ("training", lambda row: f"{row.training / GIB:.1f}"),
        ("4-bit", lambda row: f"{row.weights_4bit / GIB:.1f}"),
        ("QLoRA", lambda row: f"{row.training_4bit / GIB:.1f}" if row.training_4bit else "-"),
        ("cache", lambda row: f"{row.cache / 1024:,.0f}"),
    ]
    cells = [[title for title, _ in columns], *([show(row) for _, show in columns] for row in rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(columns))]
    lines = [
        "  ".join(text.ljust(width) if place == 0 else text.rjust(width) for place, (text, width) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in cells)
    ]
    notes = (
        "GiB: bf16, 4-bit: weights to run the model (ECG side float32; 4-bit: linear layers in nf4). training, QLoRA: "
        "weights, adapters, gradients and AdamW's moments; activations come on top. cache: KiB a token, bf16."
    )
    return "\n".join([*lines, notes])


def as_json(rows: Sequence[DryRun]) -> list[dict[str, Any]]:
    """The rows as plain objects; memory in bytes."""
    return [{**asdict(row), "share": row.share} for row in rows]


def _backbone_config(backbone: str) -> Any:
    for hub_id, model_type, fields in PAPER_BACKBONES.values():
        if backbone == hub_id:
            return AutoConfig.for_model(model_type, **fields)
    try:
        return AutoConfig.from_pretrained(backbone)
    except (OSError, ValueError) as error:
        raise EcgInputError(
            f"the configuration of backbone {backbone} is not on this machine and the Hub did not give it; name a "
            f"folder with its config.json, or one of {', '.join(sorted(row[0] for row in PAPER_BACKBONES.values()))}"
        ) from error


def _decoder_config(text: TextArguments) -> Any:
    tokens = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), 0)
    settings = {"vocab_size": text.vocab_size, **tokens, **(text.decoder or {})}
    kind = settings.pop("model_type", None)
    settings.pop("attn_implementation", None)
    if kind not in CONFIG_MAPPING:
        raise EcgInputError(f"decoder.model_type is {kind!r}, expected a decoder of transformers such as llama or gpt2")
    config_class = CONFIG_MAPPING[kind]
    return construct(config_class, "decoder", settings, aliases=config_class.attribute_map)


def _adapted(model: MeitForCausalLM, lora: dict[str, Any]) -> PeftModel:
    with warnings.catch_warnings():
        # PEFT says that it transposes GPT-2's weights by itself, and calls what transformers will rename.
        warnings.filterwarnings("ignore", message="fan_in_fan_out")
        warnings.filterwarnings("ignore", category=FutureWarning)
        return get_peft_model(model, lora_config(lora), low_cpu_mem_usage=True)


def _numel(values: Iterable[torch.Tensor]) -> int:
    return sum(value.numel() for value in values)


def _bytes(values: Iterable[torch.Tensor]) -> int:
    return sum(value.numel() * value.element_size() for value in values)


def _spared_by_nf4(model: MeitForCausalLM) -> int:
    """Bytes that loading with `load_in_4bit` saves, in the layers that transformers would quantise."""
    kept = [*get_keys_to_not_convert(model), *model._keep_in_fp32_modules]
    quantised = [
        module.weight
        for name, module in model.named_modules()
        if (type(module) is nn.Linear or isinstance(module, Conv1D)) and should_convert_module(name, kept)
    ]
    return round(_bytes(quantised) - _numel(quantised) * _NF4_BYTES)


def _cache_bytes(model: MeitForCausalLM) -> int:
    token = torch.zeros(1, 1, dtype=torch.long)
    with torch.no_grad():
        outputs = model.meit.backbone(input_ids=token, attention_mask=torch.ones_like(token), use_cache=True)
    return _bytes(values for layer in outputs.past_key_values.layers for values in (layer.keys, layer.values))
