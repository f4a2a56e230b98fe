"""Run by test_families.py as a user of the project: LoRA, save, load, merge and push, for five families of decoders.

Argument: a folder for the results.
"""

import sys
from pathlib import Path

import torch
from peft import PeftModel, get_peft_model

from meit_training.lora import lora_config, save_merged
from modeling_meit.modeling_meit import MeitForCausalLM
from tests.tiny import tiny_ecg, tiny_ids, tiny_model

results = Path(sys.argv[1])
inputs = {"input_ids": tiny_ids(2, 8), "ecg_values": tiny_ecg(2)}
logits = {}
for kind in ("llama", "gpt2", "gpt-neox", "bloom", "opt"):
    folder, generator = results / kind, torch.Generator().manual_seed(7)
    tiny_model(kind).save_pretrained(folder / "start")
    adapted = get_peft_model(MeitForCausalLM.from_pretrained(folder / "start"), lora_config({"r": 4, "lora_alpha": 8}))
    with torch.no_grad():
        # As after training: LoRA that does something, another encoder, other batch statistics.
        for name, part in [*adapted.named_parameters(), *adapted.named_buffers()]:
            if "lora_" in name or ("modules_to_save" in name and part.is_floating_point()):
                part.add_(0.1 * torch.rand(part.shape, generator=generator))
        expected = adapted.eval()(**inputs).logits
    save_merged(adapted, folder / "merged")
    start = MeitForCausalLM.from_pretrained(folder / "start")
    loaded = PeftModel.from_pretrained(start, folder / "merged" / "adapter").eval()
    merged = MeitForCausalLM.from_pretrained(folder / "merged")
    with torch.no_grad():
        assert torch.equal(loaded(**inputs).logits, expected)
        logits[kind] = merged(**inputs).logits
        assert torch.equal(loaded.merge_and_unload()(**inputs).logits, logits[kind])
    # Logits of about 5, which LoRA changed by about as much; how float32 rounds differs between machines.
    torch.testing.assert_close(logits[kind], expected, rtol=0, atol=1e-3)
    merged.push_to_hub(f"tester/{kind}")
torch.save({"inputs": inputs, "logits": logits, "threads": torch.get_num_threads()}, results / "families.pt")
