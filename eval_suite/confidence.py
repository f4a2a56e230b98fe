"""How sure a model was of a report: one number from the probabilities it gave the tokens it wrote.

Evaluation and `meit report` both take it from here, so that a threshold chosen on the one means the same in the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

#: Stands beside every stored threshold; changes with anything that moves a confidence.
CONFIDENCE = "mean-token-probability-1"
CONFIDENCE_DEFINITION = (
    "exponential of the mean log-probability of the report's tokens, the end token included (the geometric mean of "
    "their probabilities, 0 to 1); under beam search those of the winning beam"
)


def end_tokens(defaults: Any, generation: Mapping[str, Any] | None = None) -> list[int]:
    """The tokens that end a report.

    Args:
        defaults: the model's generation_config.
        generation: arguments for `generate`, which come first.
    """
    end = dict(generation or {}).get("eos_token_id", defaults.eos_token_id)
    return [] if end is None else end if isinstance(end, list) else [end]


def sequence_confidence(completion: torch.Tensor, output: Any, ends: list[int]) -> list[float]:
    """exp(mean log-probability) of each row's tokens up to and with its first end token.

    `output.scores` are unnormalised for greedy search and sampling, and log-probabilities of the beams, [B * beams,
    vocabulary], for beam search, where `beam_indices` says which beam each token came from.

    Args:
        completion: long [B, L], what was generated, the prompt left out.
        output: of `generate` with `return_dict_in_generate` and `output_scores`.
        ends: as `end_tokens` gives them.

    Returns:
        B numbers, 0 to 1.
    """
    beams = getattr(output, "beam_indices", None)
    total = torch.zeros(len(completion), device=completion.device)
    length = torch.zeros_like(total)
    open_rows = torch.ones_like(total, dtype=torch.bool)
    stops = torch.tensor(ends, device=completion.device, dtype=completion.dtype)
    for step in range(completion.shape[1]):
        tokens = completion[:, step]
        scores = output.scores[step].float()
        # A finished beam's index is -1; its rows are closed, so what is read for them is not used.
        scores = scores.log_softmax(dim=-1) if beams is None else scores[beams[:, step].clamp(min=0)]
        chosen = scores.gather(1, tokens.unsqueeze(1)).squeeze(1)
        total = torch.where(open_rows, total + chosen, total)
        length = length + open_rows
        open_rows = open_rows & ~torch.isin(tokens, stops)
    return (total / length.clamp(min=1)).exp().tolist()
