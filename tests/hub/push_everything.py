"""Run by test_round_trip.py as a user of the project: pushes models, processor and adapter; keeps what they compute.

Argument: a folder for the results. Of tester/meit, the tag v1 holds the weights of seed 1, main those of seed 2 and the
branch trial those of seed 3.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from huggingface_hub import HfApi
from peft import get_peft_model
from transformers import AutoModelForCausalLM

from meit_training.lora import lora_config
from tests.tiny import tiny_model, tiny_processor

results = Path(sys.argv[1])
api, processor, repo = HfApi(), tiny_processor(), "tester/meit"
ecg = np.random.default_rng(0).normal(size=(12, 5000)).astype(np.float32)
inputs = processor(ecg, sampling_rate=500)
logits, commits = {}, {}


def model_of(seed):
    model = tiny_model(seed=seed, num_ecg_tokens=2)
    model.generation_config.max_new_tokens = 12
    with torch.no_grad():
        logits[f"seed {seed}"] = model(**inputs).logits
    return model


commits["v1"] = model_of(1).push_to_hub(repo).oid
commits["processor"] = processor.push_to_hub(repo).oid
api.create_tag(repo, tag="v1")
model = model_of(2)
commits["main"] = model.push_to_hub(repo).oid
output = model.generate(**inputs)
report = processor.post_process_reports(output[:, inputs["input_ids"].shape[1] :])
model_of(3).push_to_hub(repo, revision="trial")
model_of(1).push_to_hub("tester/secret", private=True)

base = AutoModelForCausalLM.from_pretrained(repo, trust_remote_code=True)
adapted = get_peft_model(base, lora_config({"r": 4, "lora_alpha": 8}))
generator = torch.Generator().manual_seed(7)
with torch.no_grad():
    # As after training: LoRA that does something, another encoder, other batch statistics.
    for name, part in adapted.named_parameters():
        if "lora_" in name or "modules_to_save" in name:
            part.add_(0.1 * torch.randn(part.shape, generator=generator))
    for name, part in adapted.named_buffers():
        if "modules_to_save" in name and "running_mean" in name:
            part.add_(torch.randn(part.shape, generator=generator))
    adapted.eval()
    logits["adapter"] = adapted(**inputs).logits
adapted.push_to_hub("tester/adapter")

np.save(results / "ecg.npy", ecg)
torch.save({"inputs": dict(inputs), "logits": logits}, results / "expected.pt")
summary = {"commits": commits, "report": report, "threads": torch.get_num_threads()}
(results / "pushed.json").write_text(json.dumps(summary))
