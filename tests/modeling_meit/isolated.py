"""Opens a saved folder as a stranger does: run by test_save_load.py with `python -I` in an empty folder.

Arguments: the checkout, which must not be importable; the model folder; a folder for the results; a folder to save the
model to again.
"""

# ruff: noqa: E402 (what may be imported is settled before anything is)

# ruff: noqa: E402 (what may be imported is settled before anything is)

import importlib.util
import json
import sys
from pathlib import Path

checkout, folder, results, again = (Path(argument) for argument in sys.argv[1:5])
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != checkout]
# An editable install finds its packages by a hook of its own.
sys.meta_path = [f for f in sys.meta_path if not getattr(f, "__module__", "").startswith("__editable__")]
OTHERS = ("accelerate", "datasets", "evaluate", "nltk", "pandas", "peft", "PIL", "pyarrow", "trl", "wfdb")
sys.modules.update(dict.fromkeys(OTHERS))  # None: importing it fails as if it were not installed
OURS = ("modeling_meit", "dataset_scripts", "eval_suite", "meit_training")
assert all(importlib.util.find_spec(name) is None for name in OURS)

import numpy as np
import torch
from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoModel,
    AutoModelForCausalLM,
    AutoProcessor,
    AutoTokenizer,
)

torch.set_num_threads(json.loads((results / "threads.json").read_text()))
ecg = np.load(results / "ecg.npy")
config = AutoConfig.from_pretrained(folder, trust_remote_code=True)
model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
body = AutoModel.from_pretrained(folder, trust_remote_code=True)
processor = AutoProcessor.from_pretrained(folder, trust_remote_code=True)
tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
extractor = AutoFeatureExtractor.from_pretrained(folder, trust_remote_code=True)

inputs = processor(ecg, sampling_rate=500)
assert (tokenizer(text="Sinus rhythm").input_ids, tokenizer.padding_side) == (
    processor.tokenizer(text="Sinus rhythm").input_ids,
    "left",
)
extracted = extractor(ecg, sampling_rate=500, return_tensors="pt")
assert all(torch.equal(extracted[name], inputs[name]) for name in ("ecg_values", "ecg_mask"))
with torch.no_grad():
    logits = model(**inputs).logits
    states = body(**inputs).last_hidden_state
    tokens = model.generate(**inputs)
completion = tokens[:, inputs["input_ids"].shape[1] :]
torch.save({"logits": logits, "states": states, "tokens": tokens}, results / "tensors.pt")
names = {type(part).__name__: type(part).__module__ for part in (config, model, body, processor, extractor)}
summary = {
    "names": names,
    "report": processor.post_process_reports(completion),
    "sampling_rate": config.ecg_config.sampling_rate,
    "ours": [name for name in OURS if name in sys.modules],
    "others": [name for name in OTHERS if sys.modules[name] is not None],
}
(results / "summary.json").write_text(json.dumps(summary))
model.save_pretrained(again)
processor.save_pretrained(again)
