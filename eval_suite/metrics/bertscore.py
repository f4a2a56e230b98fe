"""BERTScore (Zhang et al. 2020) from the package `bert-score` and a local model, which the columns name.

Values of two models cannot be compared: roberta-large spreads unlike sentences over other numbers than a MiniLM does,
and rescaled values over others again. So a column carries its model and its scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from dataset_scripts.errors import EcgInputError
from eval_suite.metrics.text import check_texts, tokenize

if TYPE_CHECKING:
    from bert_score import BERTScorer


PAPERS_MODEL = "roberta-large"
_PREFIX = "BERTScore"
# What the configuration of the paper's model says; another model's scores must not go under its name.
_ROBERTA_LARGE = {"model_type": "roberta", "hidden_size": 1024, "num_hidden_layers": 24, "vocab_size": 50265}


class BertScore:
    """BERTScore by one local model.

    Attributes:
        name: of the model, as the columns have it.
        num_layers: the layer whose states are compared.
        rescaled: whether the values are rescaled by the package's English baseline of that layer.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        name: str | None = None,
        num_layers: int | None = None,
        rescaled: bool = False,
        device: str | None = None,
    ):
        """Open the model; nothing is downloaded.

        Args:
            folder: with config, tokenizer and weights, as `save_pretrained` or the Hub's cache leaves it.
            name: of the model in the columns; None: the folder's, or the repository's in the Hub's cache.
            num_layers: None: the layer that the package chose for a model of that name, else the last.
            rescaled: by the baseline that the package ships for a model of that name.
            device: None takes CUDA where there is one.

        Raises:
            EcgInputError: the package or the folder is missing, "roberta-large" is another model, no such layer or
                no baseline.
        """
        scorer_class, chosen_layers, baselines = _package()
        from transformers import AutoConfig, AutoTokenizer

        folder = Path(folder)
        if not (folder / "config.json").is_file():
            raise EcgInputError(
                f"{folder} holds no config.json, expected the folder of a model for BERTScore, {PAPERS_MODEL} for "
                f"figures beside the paper's: `hf download {PAPERS_MODEL} --local-dir {PAPERS_MODEL}` and give that"
            )
        config = AutoConfig.from_pretrained(folder)
        self.name = name or _repository(folder)
        if self.name == PAPERS_MODEL:
            _check_papers_model(folder, config)
        layers = config.num_hidden_layers
        self.num_layers = num_layers or chosen_layers.get(self.name, layers)
        if not 1 <= self.num_layers <= layers:
            raise EcgInputError(f"layer {self.num_layers} of {self.name}, expected 1 to {layers}; give num_layers")
        baseline = baselines / f"{self.name}.tsv"
        if rescaled and not baseline.is_file():
            raise EcgInputError(f"bert-score has no baseline for {self.name}; take {PAPERS_MODEL}, or rescaled=False")
        self.rescaled = rescaled
        self._scorer: BERTScorer = scorer_class(
            model_type=str(folder),
            num_layers=self.num_layers,
            device=device,
            lang="en",
            rescale_with_baseline=rescaled,
            baseline_path=str(baseline) if rescaled else None,
        )
        # bert-score asks for a space before the first word when it encodes, which transformers 5 no longer heeds there;
        # and it cuts at the tokenizer's length, which may be "none".
        tokenizer = AutoTokenizer.from_pretrained(folder, add_prefix_space=True)
        positions = getattr(config, "max_position_embeddings", None)
        if positions and tokenizer.model_max_length > positions:
            # RoBERTa's positions begin after its padding index.
            tokenizer.model_max_length = positions - (config.pad_token_id + 1 if "roberta" in config.model_type else 0)
        self._scorer._tokenizer = tokenizer

    @property
    def columns(self) -> tuple[str, str, str]:
        """Names of precision, recall and F1, the model in each."""
        model = f"{self.name}, rescaled" if self.rescaled else self.name
        return (f"{_PREFIX}-P ({model})", f"{_PREFIX}-R ({model})", f"{_PREFIX}-F1 ({model})")

    def definition(self) -> str:
        """How it is computed, for the table's notes."""
        from importlib.metadata import version

        scale = "rescaled by the package's English baseline" if self.rescaled else "not rescaled"
        return (
            f"mean of rows, {self.name}, layer {self.num_layers}, no idf, {scale}; bert-score {version('bert-score')}"
        )

    def rows(
        self, predictions: Sequence[str], references: Sequence[str], *, batch_size: int = 64
    ) -> dict[str, np.ndarray]:
        """Precision, recall and F1 of every row.

        Args:
            predictions: one text a row; one without a word scores 0, rescaled or not.
            references: one text a row.
            batch_size: texts encoded at a time.

        Returns:
            Column name -> float64 [rows].

        Raises:
            EcgInputError: as `check_texts`.
        """
        check_texts(predictions, references)
        pairs = list(zip(predictions, references, strict=True))
        # Pairs that come again are scored once, those of like length together.
        spoken = sorted({pair for pair in pairs if tokenize(pair[0])}, key=lambda pair: (len(pair[0]), pair))
        scores = dict.fromkeys(pairs, (0.0, 0.0, 0.0))
        with tqdm(total=len(spoken), desc=_PREFIX, unit=" pairs", delay=2.0, leave=False) as progress:
            for start in range(0, len(spoken), batch_size):
                some = spoken[start : start + batch_size]
                found = self._scorer.score(*map(list, zip(*some, strict=True)), batch_size=batch_size)
                scores.update(zip(some, zip(*(part.double().tolist() for part in found), strict=True), strict=True))
                progress.update(len(some))
        return dict(zip(self.columns, np.array([scores[pair] for pair in pairs]).T, strict=True))


def _package() -> tuple[type[BERTScorer], dict[str, int], Path]:
    """The scorer, the layer it chose for each model it knows, and the folder of English baselines."""
    try:
        import bert_score
        from bert_score.utils import model2layers
    except ImportError as cause:
        raise EcgInputError("BERTScore needs the package bert-score; pip install 'meit-ecg[bertscore]'") from cause
    return bert_score.BERTScorer, model2layers, Path(bert_score.__file__).parent / "rescale_baseline" / "en"


def _repository(folder: Path) -> str:
    folder = folder.resolve()
    if folder.parent.name == "snapshots":
        return folder.parent.parent.name.removeprefix("models--").replace("--", "/").removeprefix("FacebookAI/")
    return folder.name


def _check_papers_model(folder: Path, config: object) -> None:
    found = {field: getattr(config, field, None) for field in _ROBERTA_LARGE}
    if found != _ROBERTA_LARGE:
        raise EcgInputError(
            f"{folder} is named {PAPERS_MODEL} but its configuration says {found}, expected {_ROBERTA_LARGE}; give the "
            "model's own name"
        )
