"""Run by test_families.py with `python -I`: opens what push_families.py pushed and prints whose logits are the same.

Arguments: the checkout, which must not be importable; the folder of push_families.py's results.
"""

# ruff: noqa: E402 (what may be imported is settled before anything is)

import importlib.util
import sys
from pathlib import Path

checkout, results = (Path(argument) for argument in sys.argv[1:3])
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != checkout]
sys.meta_path = [f for f in sys.meta_path if not getattr(f, "__module__", "").startswith("__editable__")]
assert importlib.util.find_spec("modeling_meit") is None

import torch
from transformers import AutoModelForCausalLM

pushed = torch.load(results / "families.pt")
torch.set_num_threads(pushed["threads"])
for kind, expected in pushed["logits"].items():
    model = AutoModelForCausalLM.from_pretrained(f"tester/{kind}", trust_remote_code=True)
    with torch.no_grad():
        print(kind, torch.equal(model(**pushed["inputs"]).logits, expected))
