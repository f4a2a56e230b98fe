"""A tiny BERT with random weights and a vocabulary of a few words, as a folder."""

from pathlib import Path

import torch
from transformers import BertConfig, BertModel, BertTokenizer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = ("sinus", "rhythm", "normal", "ecg", "heart", "beat", "not", "no")


def make_tiny_bert(folder: Path) -> Path:
    tokens = (*SPECIAL, *WORDS)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokens),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=48,
    )
    BertModel(config).save_pretrained(folder)
    BertTokenizer(vocab={token: place for place, token in enumerate(tokens)}).save_pretrained(folder)
    return folder
