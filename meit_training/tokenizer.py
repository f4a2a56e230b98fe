"""A tokenizer learnt from the reports, for decoders trained from scratch."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

BOS, EOS, PAD = "<s>", "</s>", "<pad>"


def learn_tokenizer(texts: Iterable[str], vocab_size: int, min_frequency: int = 10) -> PreTrainedTokenizerFast:
    """Byte-level BPE over `texts`.

    Args:
        texts: reports and prompts.
        vocab_size: of the result at most.
        min_frequency: a pair of pieces that is rarer is not joined, so that no token spells out what one patient's
            report alone says.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        special_tokens=[PAD, BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    # Set after construction, the padding side would not be saved; batched generation needs it on the left.
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS, pad_token=PAD, padding_side="left"
    )
