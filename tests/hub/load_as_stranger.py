"""Run by test_round_trip.py with `python -I` in an empty folder and with an empty cache: loads all that was pushed.

Arguments: the checkout, which must not be importable; the folder of push_everything.py's results; a folder to save to.
"""

# ruff: noqa: E402 (what may be imported is settled before anything is)

import importlib.util
import json
import sys
from pathlib import Path

checkout, results, again = (Path(argument) for argument in sys.argv[1:4])
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != checkout]
# An editable install finds its packages by a hook of its own.
sys.meta_path = [f for f in sys.meta_path if not getattr(f, "__module__", "").startswith("__editable__")]
assert all(importlib.util.find_spec(name) is None for name in ("modeling_meit", "dataset_scripts", "meit_hub"))

import numpy as np
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoProcessor, pipeline

pushed = json.loads((results / "pushed.json").read_text())
expected = torch.load(results / "expected.pt")
ecg = np.load(results / "ecg.npy")
torch.set_num_threads(pushed["threads"])
repo, trust = "tester/meit", {"trust_remote_code": True}
summary: dict = {"equal": {}, "errors": {}}


@torch.no_grad()
def same(name, model, logits):
    assert type(model).__module__.startswith(("transformers_modules.", "peft."))
    summary["equal"][name] = torch.equal(model.eval()(**expected["inputs"]).logits, expected["logits"][logits])


model = AutoModelForCausalLM.from_pretrained("tester/meit", trust_remote_code=True)
processor = AutoProcessor.from_pretrained("tester/meit", trust_remote_code=True)

same("main", model, "seed 2")
inputs = processor(ecg, sampling_rate=500)
summary["equal"]["inputs"] = all(torch.equal(inputs[name], part) for name, part in expected["inputs"].items())
for revision, logits in (("v1", "seed 1"), ("trial", "seed 3"), (pushed["commits"]["v1"], "seed 1")):
    name = "commit" if len(revision) == 40 else revision
    same(name, AutoModelForCausalLM.from_pretrained(repo, revision=revision, **trust), logits)

write_report = pipeline("ecg-to-text", model=repo, trust_remote_code=True)
summary["report"] = write_report(ecg, sampling_rate=500)
same("pinned pipeline", pipeline(model=repo, revision="v1", **trust).model, "seed 1")
write_report.save_pretrained(again)
summary["auto_map"] = json.loads((again / "config.json").read_text())["auto_map"]
summary["report of the copy"] = pipeline("ecg-to-text", model=str(again), **trust)(ecg, sampling_rate=500)

same("adapter", PeftModel.from_pretrained(model, "tester/adapter"), "adapter")


def failure(name, *arguments, **named):
    try:
        AutoModelForCausalLM.from_pretrained(*arguments, **named)
    except (OSError, ValueError) as error:
        summary["errors"][name] = str(error)


failure("private", "tester/secret", token=False, **trust)
failure("none", "tester/none", **trust)
failure("no revision", repo, revision="v9", **trust)
same("private with a token", AutoModelForCausalLM.from_pretrained("tester/secret", **trust), "seed 1")
(results / "loaded.json").write_text(json.dumps(summary))
