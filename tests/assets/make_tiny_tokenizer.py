"""Makes tests/assets/tiny_tokenizer: a byte-level BPE of 320 tokens, trained on sentences invented here.

Run from the root of the checkout: python tests/assets/make_tiny_tokenizer.py
"""

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

SENTENCES = [
    "<|user|>: Please write the report of this ECG. <|assistant|>: Sinus rhythm. Normal ECG.",
    "<|user|>: Which rhythm is this? <|assistant|>: Atrial fibrillation with a rapid ventricular response.",
    "<|user|>: Describe the ECG in German. <|assistant|>: Sinusrhythmus. Lagetyp normal. Unauffälliges EKG.",
    "<|user|>: Describe the ECG in English. <|assistant|>: Sinus bradycardia. Left axis deviation. T wave inversion.",
    "<|system|>: You read ECGs. <|user|>: What do you see? <|assistant|>: Left bundle branch block, 64 per minute.",
]
VOCABULARY = 320


def build() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        padding_side="left",
        model_max_length=512,
    )


if __name__ == "__main__":
    build().save_pretrained(Path(__file__).parent / "tiny_tokenizer")
