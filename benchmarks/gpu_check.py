"""What needs a GPU, checked on a trained model: precisions, kernels, quantisation, compilation, several devices.

    python benchmarks/gpu_check.py
    python benchmarks/gpu_check.py --model FOLDER --only bf16 flash_attention_2
    python benchmarks/gpu_check.py --device cpu

Each check prints one line: passed, FAILED, or skipped with the reason. The reference is the same model in float32 on
the CPU. Differences of logits are in units of their standard deviation. Ends with exit code 1 if a check failed.
`--device cpu` runs what a CPU can run. docs/gpu-checklist.md says what each line means.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoProcessor, BitsAndBytesConfig
from transformers.utils import logging

from checkpoints import shipped
from ecg_files.read import read_ecg_file

EXAMPLE = Path(__file__).parent.parent / "examples" / "atrial_fibrillation"
PROMPTS = (
    "Please write the report of this ECG.",
    "Write the report of this ECG. Write the report in English, and be brief.",
)
TOKENS = 24


class CannotRun(Exception):
    """Something that a check needs is not here."""


class Wrong(Exception):
    """A check found another result than it should."""


@dataclass
class Bench:
    """One trained model and one batch of two texts of unequal length with an ECG each.

    Attributes:
        folder: of the model, or its Hub id.
        device: where the checks run.
        inputs: the batch, on the CPU.
        reference: logits of the model in float32 on the CPU, [2, L, vocabulary].
        tokens: greedy continuation of the same.
    """

    folder: str
    device: str
    inputs: dict[str, torch.Tensor]
    reference: torch.Tensor
    tokens: torch.Tensor

    def load(self, place: bool = True, **kwargs: Any) -> Any:
        """The model with these arguments of `from_pretrained`, on the device unless it is placed by them."""
        model = AutoModelForCausalLM.from_pretrained(self.folder, trust_remote_code=True, **kwargs).eval()
        return model.to(self.device) if place else model

    def batch(self) -> dict[str, torch.Tensor]:
        """The inputs on the device."""
        return {name: value.to(self.device) for name, value in self.inputs.items()}

    def compare(self, logits: torch.Tensor, tolerance: float, reference: torch.Tensor | None = None) -> str:
        """Say how far logits are from the reference where the text is no padding; more than `tolerance` is wrong."""
        reference = self.reference if reference is None else reference.float().cpu()
        text = self.inputs["attention_mask"].bool()
        difference = (logits.detach().float().cpu() - reference)[text].abs().max() / reference[text].std()
        said = f"largest difference {float(difference):.2g} (allowed {tolerance:g})"
        if not difference <= tolerance:
            raise Wrong(said)
        return said

    def write(self, model: Any, **kwargs: Any) -> torch.Tensor:
        """Greedy continuation, on the CPU."""
        asked = {"max_new_tokens": TOKENS, "min_new_tokens": TOKENS, "do_sample": False, "num_beams": 1, **kwargs}
        return model.generate(**self.batch(), **asked).cpu()


@torch.no_grad()
def logits_of(model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """[2, L, vocabulary]."""
    return model(**inputs).logits


def precision(bench: Bench, dtype: torch.dtype, tolerance: float) -> str:
    """The model in another precision; its encoder stays in float32."""
    model = bench.load(dtype=dtype)
    encoder = {value.dtype for value in model.meit.ecg_encoder.parameters()}
    if encoder != {torch.float32}:
        raise Wrong(f"the encoder is in {encoder}, not in float32")
    return bench.compare(logits_of(model, bench.batch()), tolerance)


def attention(bench: Bench, kind: str, package: str | None) -> str:
    """An attention kernel beside sdpa, and that the ECG reaches it."""
    if package is not None and importlib.util.find_spec(package) is None:
        raise CannotRun(f"no {package}; pip install {package.replace('_', '-')}")
    plain = logits_of(bench.load(dtype=torch.bfloat16, attn_implementation="sdpa"), bench.batch())
    model = bench.load(dtype=torch.bfloat16, attn_implementation=kind)
    said = bench.compare(logits_of(model, bench.batch()), 0.1, plain)
    # Without padding and mask some kernels take positions for packed texts, and would cut the ECG off.
    alone = {name: value[1:] for name, value in bench.batch().items() if name != "attention_mask"}
    blank = {**alone, "ecg_values": torch.zeros_like(alone["ecg_values"])}
    effect = float((logits_of(model, alone) - logits_of(model, blank)).abs().max() / plain.float().std())
    if effect < 0.1:
        raise Wrong(f"the ECG moves the logits by {effect:.2g} only")
    return f"{said}, the ECG moves them by {effect:.2g}"


def gradients(model: Any, inputs: dict[str, torch.Tensor], dtype: torch.dtype | None) -> dict[str, torch.Tensor]:
    """Of encoder and decoder, as one vector each, for a step in evaluation mode."""
    model.zero_grad()
    device = inputs["input_ids"].device.type
    with torch.autocast(device, dtype or torch.bfloat16, enabled=dtype is not None):
        model(**inputs, labels=inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, -100)).loss.backward()
    parts: dict[str, list[torch.Tensor]] = {"encoder": [], "decoder": []}
    for name, value in model.named_parameters():
        if value.grad is not None:
            parts["encoder" if ".ecg_encoder." in name else "decoder"].append(value.grad.double().flatten().cpu())
    return {part: torch.cat(values) for part, values in parts.items()}


def training(bench: Bench) -> str:
    """Gradients under bf16 autocast, as the recipes train, beside float32."""
    model = bench.load(dtype=torch.float32)
    ours = gradients(model, bench.batch(), torch.bfloat16)
    theirs = gradients(model.to("cpu"), bench.inputs, None)
    angles = {part: float(torch.cosine_similarity(ours[part], theirs[part], dim=0)) for part in ours}
    said = ", ".join(f"cosine of the {part}'s {angle:.4f}" for part, angle in angles.items()) + " (at least 0.98)"
    if min(angles.values()) < 0.98:
        raise Wrong(said)
    return said


def quantised(bench: Bench, bits: int) -> str:
    """Kernels of bitsandbytes: only the decoder is quantised, the logits stay near, LoRA and encoder get gradients."""
    for package in ("bitsandbytes", "peft"):
        if importlib.util.find_spec(package) is None:
            raise CannotRun(f"no {package}; pip install {package}")
    from peft import get_peft_model

    from meit_training.lora import lora_config
    from meit_training.quantization import keep_unpacked

    four = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": torch.bfloat16}
    config = BitsAndBytesConfig(**(four if bits == 4 else {"load_in_8bit": True}))
    model = bench.load(place=False, dtype=torch.bfloat16, device_map={"": bench.device}, quantization_config=config)
    keep_unpacked(model)
    said = bench.compare(logits_of(model, bench.batch()), 1.5 if bits == 4 else 0.5)
    layers = [name for name, part in model.named_modules() if type(part).__name__ in ("Linear4bit", "Linear8bitLt")]
    if not layers or not all(name.startswith("meit.backbone.") for name in layers):
        raise Wrong(f"quantised are {layers or 'no layers'}, expected the decoder's")
    adapted = get_peft_model(model, lora_config({"r": 8})).train()
    adapted(**bench.batch(), labels=bench.batch()["input_ids"]).loss.backward()
    lost = [name for name, value in adapted.named_parameters() if value.requires_grad and value.grad is None]
    if lost:
        raise Wrong(f"{len(lost)} trained weights have no gradient, {lost[0]} among them")
    return f"{said}, {len(layers)} layers, every trained weight has a gradient"


def compiled(bench: Bench) -> str:
    """`torch.compile` with inductor, in one graph."""
    model = bench.load(dtype=torch.float32)
    return bench.compare(logits_of(torch.compile(model, fullgraph=True, dynamic=False), bench.batch()), 2e-2)


def static_cache(bench: Bench) -> str:
    """A static cache, whose steps `generate` compiles on CUDA, beside a growing one."""
    model = bench.load(dtype=torch.float32)
    if not torch.equal(bench.write(model, cache_implementation="static"), bench.write(model)):
        raise Wrong("other tokens than with a dynamic cache")
    return f"the same {TOKENS} tokens"


def spread(bench: Bench) -> str:
    """Encoder on one GPU, decoder on the other."""
    if torch.cuda.device_count() < 2:
        raise CannotRun(f"{torch.cuda.device_count()} GPU, needs two")
    device_map = {"meit.backbone": 0, "meit.ecg_encoder": 1, "meit.dropout": 1, "meit.projector": 1}
    model = bench.load(place=False, dtype=torch.float32, device_map=device_map)
    return bench.compare(logits_of(model, bench.batch()), 2e-2)


def offloaded(bench: Bench) -> str:
    """Encoder and projector on disk, decoder on the device."""
    device_map: dict[str, Any] = {"meit.backbone": bench.device}
    device_map |= dict.fromkeys(("meit.ecg_encoder", "meit.dropout", "meit.projector"), "disk")
    with tempfile.TemporaryDirectory() as folder:
        model = bench.load(place=False, dtype=torch.float32, device_map=device_map, offload_folder=folder)
        return bench.compare(logits_of(model, bench.batch()), 2e-2)


def mamba(bench: Bench) -> str:
    """mamba_ssm's selective scan beside the plain one, in the Vision Mamba encoder."""
    if importlib.util.find_spec("mamba_ssm") is None:
        raise CannotRun("no mamba_ssm; pip install mamba-ssm")
    from modeling_meit import ecg_encoder_scan
    from modeling_meit.configuration_ecg_encoder import EcgEncoderConfig
    from modeling_meit.ecg_encoders import build_ecg_encoder

    torch.manual_seed(0)
    config = EcgEncoderConfig(kind="vision_mamba", preset="small")
    encoder = build_ecg_encoder(config).to(bench.device).eval()
    ecg = torch.randn(4, 12, config.num_samples, device=bench.device)
    kernel = ecg_encoder_scan.selective_scan_fn
    with torch.no_grad():
        ours = encoder(ecg)
        ecg_encoder_scan.selective_scan_fn = None
        plain = encoder(ecg)
        ecg_encoder_scan.selective_scan_fn = kernel
    difference = float((ours - plain).abs().max() / plain.std())
    said = f"largest difference {difference:.2g} (allowed 0.01)"
    if difference > 0.01:
        raise Wrong(said)
    return said


# name -> runs on a CPU too, check
CHECKS: dict[str, tuple[bool, Callable[[Bench], str]]] = {
    "float32": (True, lambda bench: precision(bench, torch.float32, 2e-2)),
    "bf16": (True, lambda bench: precision(bench, torch.bfloat16, 0.3)),
    "fp16": (True, lambda bench: precision(bench, torch.float16, 0.1)),
    "training": (True, training),
    "flash_attention_2": (False, lambda bench: attention(bench, "flash_attention_2", "flash_attn")),
    "flex_attention": (False, lambda bench: attention(bench, "flex_attention", None)),
    "4-bit": (True, lambda bench: quantised(bench, 4)),
    "8-bit": (True, lambda bench: quantised(bench, 8)),
    "compile": (True, compiled),
    "static_cache": (True, static_cache),
    "two_gpus": (False, spread),
    "offload": (True, offloaded),
    "mamba_ssm": (False, mamba),
}


def make_bench(folder: str, device: str) -> Bench:
    """The model's reference on the CPU."""
    record = read_ecg_file(EXAMPLE)
    processor = AutoProcessor.from_pretrained(folder, trust_remote_code=True)
    inputs = dict(
        processor(
            ecg=[record.signal] * len(PROMPTS),
            sampling_rate=record.sampling_rate,
            lead_names=record.lead_names,
            text=list(PROMPTS),
        )
    )
    bench = Bench(folder, "cpu", inputs, torch.empty(0), torch.empty(0))
    model = bench.load(dtype=torch.float32)
    bench.reference = logits_of(model, inputs)
    bench.tokens = bench.write(model)
    bench.device = device
    return bench


def main() -> int:
    """Run the checks; 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=str(shipped()), metavar="FOLDER", help="default: the shipped model")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--only", nargs="+", choices=CHECKS, metavar="CHECK", help=", ".join(CHECKS))
    arguments = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    # Fewer digits in float32 would hide what the checks are to show.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    missing = arguments.device == "cuda" and not torch.cuda.is_available()
    bench = None if missing else make_bench(arguments.model, arguments.device)
    counts = {"passed": 0, "FAILED": 0, "skipped": 0}
    for name in arguments.only or CHECKS:
        on_cpu, check = CHECKS[name]
        try:
            if bench is None or (arguments.device == "cpu" and not on_cpu):
                raise CannotRun("no CUDA")
            outcome, said = "passed", check(bench)
        except CannotRun as reason:
            outcome, said = "skipped", str(reason)
        except Exception as error:
            # One check that breaks is a line of the table; the others still run.
            outcome, said = "FAILED", " ".join(f"{type(error).__name__}: {error}".split())[:300]
        counts[outcome] += 1
        print(f"{name:20}{outcome}: {said}", flush=True)
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    return 1 if counts["FAILED"] else 0


if __name__ == "__main__":
    sys.exit(main())
