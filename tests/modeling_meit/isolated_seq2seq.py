"""Opens a saved encoder-decoder as a stranger does: run by test_seq2seq_save_load.py with `python -I`.

Arguments: the checkout, which must not be importable; the model folder; a file of inputs; a file for the results; a
folder to save the model to again.
"""

# ruff: noqa: E402 (what may be imported is settled before anything is)

import importlib.util
import sys
from pathlib import Path

checkout, folder, inputs_file, results, again = (Path(argument) for argument in sys.argv[1:6])
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != checkout]
# An editable install finds its packages by a hook of its own.
sys.meta_path = [f for f in sys.meta_path if not getattr(f, "__module__", "").startswith("__editable__")]
assert importlib.util.find_spec("modeling_meit") is None

import torch
from transformers import AutoModelForSeq2SeqLM, AutoProcessor

given = torch.load(inputs_file)
torch.set_num_threads(given["threads"])
model = AutoModelForSeq2SeqLM.from_pretrained(folder, trust_remote_code=True)
processor = AutoProcessor.from_pretrained(folder, trust_remote_code=True)
inputs = processor(given["ecg"].numpy(), sampling_rate=500)
with torch.no_grad():
    logits = model(**inputs, decoder_input_ids=given["decoder_input_ids"]).logits
    tokens = model.generate(**inputs)
report = processor.post_process_reports(tokens[:, 1:])
module = type(model).__module__
torch.save({"logits": logits, "tokens": tokens, "report": report, "module": module, **inputs}, results)
model.save_pretrained(again)
processor.save_pretrained(again)
