"""Machine translation of reports, with the interface of `translation.Translator`: a model here, or an endpoint.

Optional back-ends beside the project's own rules. `HubTranslator` runs any sequence-to-sequence model of the Hub on
this machine: its weights come here, no report leaves. `EndpointTranslator` sends reports to a chat endpoint, through
the gate of `meit_remote.consent`. Both translate each distinct text once.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dataset_scripts.record import EcgInputError
from dataset_scripts.reports.language import LANGUAGES
from dataset_scripts.reports.translation import Translation
from meit_remote.endpoint import ChatEndpoint
from meit_remote.transport import RemoteError

_INSTRUCTION = (
    "You translate reports of electrocardiograms into English. Translate the user's report word for word, in lower "
    "case, with the usual English terms of electrocardiography. Keep numbers, units, lead names and punctuation. Add "
    "nothing, leave nothing out, and do not interpret. Answer with the translation alone."
)


class _Remembering(ABC):
    """Translates every distinct text of a language once; a subclass does the work in `_translate_new`."""

    name: str
    version: str

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def translate(self, text: str, language: str) -> Translation:
        """Returns the report in English; an English or empty one is given back as it is, white space collapsed.

        Args:
            text: the report.
            language: "de", "en", "sv" or "other".
        """
        return self.translate_many([text], [language])[0]

    def translate_many(self, texts: Sequence[str], languages: Sequence[str]) -> list[Translation]:
        """Returns the reports in English in their order; equal ones are translated once.

        Args:
            texts: reports.
            languages: of each of them.

        Raises:
            EcgInputError: not as many languages as texts.
        """
        if len(texts) != len(languages):
            raise EcgInputError(f"{len(texts)} texts and {len(languages)} languages, expected one language a text")
        keys = [(" ".join(text.split()), language) for text, language in zip(texts, languages, strict=True)]
        new = [key for key in dict.fromkeys(keys) if key[0] and key[1] != "en" and key not in self._known]
        if new:
            for key, english in zip(new, self._translate_new(new), strict=True):
                self._known[key] = " ".join(english.split())
        return [Translation(self._known.get(key, key[0]), self.version) for key in keys]

    @abstractmethod
    def _translate_new(self, keys: Sequence[tuple[str, str]]) -> Iterable[str]:
        """Translates texts, each with its language, that were not met before."""


class HubTranslator(_Remembering):
    """Any encoder-decoder of the Hub (Marian, T5, M2M100, NLLB, mBART), run on this machine.

    Args:
        model: a folder or a Hub id; its weights are loaded now.
        revision: of the Hub's repository.
        prefix: put before every report, with "{language}" for its name in English: T5's "translate {language} to
            English: ".
        language_codes: our code -> the tokenizer's, with one for "en": {"de": "deu_Latn", "en": "eng_Latn"} for NLLB.
            None for a model that knows one pair of languages only, or is told the language by `prefix`.
        batch_size: reports at once.
        device: for example "cuda".
        generation: passed to `generate`; greedy and up to 256 new tokens unless said otherwise.

    Raises:
        EcgInputError: PyTorch is not installed, there is no such model, or it needs codes and has none for English.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        revision: str | None = None,
        prefix: str = "",
        language_codes: Mapping[str, str] | None = None,
        batch_size: int = 32,
        device: str = "cpu",
        generation: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        try:
            import torch
            from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
        except ImportError as error:
            raise EcgInputError(f"translating with a model needs PyTorch and transformers ({error})") from error
        if language_codes is not None and "en" not in language_codes:
            raise EcgInputError(f"language codes for {', '.join(language_codes)}; the target's, 'en', is missing")
        if unknown := set(language_codes or ()) - {*LANGUAGES, "other"}:
            raise EcgInputError(
                f"language codes for {', '.join(sorted(unknown))}, expected some of {', '.join(LANGUAGES)}, other"
            )
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(str(model), revision=revision)
            self._model = AutoModelForSeq2SeqLM.from_pretrained(str(model), revision=revision).to(device).eval()
        except (OSError, ValueError) as error:
            raise EcgInputError(f"{model} is not a translation model that can be loaded: {error}") from error
        # These would take any text for English, or for what was read last, and answer in any language.
        if language_codes is None and hasattr(self._tokenizer, "src_lang"):
            raise EcgInputError(
                f"{model} knows several languages and must be told which it reads and writes; give its own codes for "
                "them, for example hub:facebook/nllb-200-distilled-600M@de=deu_Latn,sv=swe_Latn,en=eng_Latn"
            )
        self._target: int | None = None
        if language_codes is not None:
            self._target = self._tokenizer.convert_tokens_to_ids(language_codes["en"])
            if self._target in (None, self._tokenizer.unk_token_id):
                raise EcgInputError(f"{model} has no token {language_codes['en']!r} to name English by")
        self._torch = torch
        self._prefix = prefix
        self._codes = language_codes
        self._batch_size = batch_size
        self._device = device
        self._generation = {"do_sample": False, "num_beams": 1, "max_new_tokens": 256, **(generation or {})}
        self.name = Path(model).name if Path(model).is_dir() else str(model)
        settings = [prefix, dict(language_codes or {}), self._generation, self._weights_digest()]
        self.version = f"{self.name}-{_digest(settings)}"

    def _translate_new(self, keys: Sequence[tuple[str, str]]) -> list[str]:
        english: dict[tuple[str, str], str] = {}
        for language in dict.fromkeys(language for _, language in keys):
            # Texts of like length share a batch, so that little of it is padding.
            own = sorted((key for key in keys if key[1] == language), key=lambda key: (len(key[0]), key[0]))
            for start in range(0, len(own), self._batch_size):
                batch = own[start : start + self._batch_size]
                english.update(zip(batch, self._generate([text for text, _ in batch], language), strict=True))
        return [english[key] for key in keys]

    def _generate(self, texts: Sequence[str], language: str) -> list[str]:
        prefix = self._prefix.format(language=LANGUAGES.get(language, "German"))
        forced: dict[str, Any] = {}
        if self._codes is not None:
            if language not in self._codes:
                raise EcgInputError(
                    f"a report in {language!r}, but language codes only for {', '.join(self._codes)}; name one for it"
                )
            self._tokenizer.src_lang = self._codes[language]
            forced["forced_bos_token_id"] = self._target
        inputs = self._tokenizer([prefix + text for text in texts], return_tensors="pt", padding=True)
        # Llama-like tokenizers add token types, which an encoder-decoder does not take.
        inputs = {name: inputs[name].to(self._device) for name in ("input_ids", "attention_mask")}
        with self._torch.inference_mode():
            generated = self._model.generate(**inputs, **forced, **self._generation)
        return list(self._tokenizer.batch_decode(generated, skip_special_tokens=True))

    def _weights_digest(self) -> str:
        """A cheap mark of the weights: each tensor's name, shape and sum."""
        marks = [
            [key, list(value.shape), float(value.double().sum())] for key, value in self._model.state_dict().items()
        ]
        return _digest(marks)


class EndpointTranslator(_Remembering):
    """A language model behind an OpenAI-compatible endpoint; reports are sent to it only with consent.

    Translating raises EcgInputError where the reports may not be sent there, and RemoteError where the endpoint fails
    or answers with nothing.

    Args:
        endpoint: with `sends="reports to translate"`, and a cache if translations are to be kept.
        max_tokens: of a translation.
    """

    def __init__(self, endpoint: ChatEndpoint, max_tokens: int = 512) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._max_tokens = max_tokens
        self.name = endpoint.model
        self.version = f"{endpoint.model}-{_digest([endpoint.base_url, _INSTRUCTION])}"

    def _translate_new(self, keys: Sequence[tuple[str, str]]) -> list[str]:
        replies = self._endpoint.complete_many(
            [_conversation(text, language) for text, language in keys], max_tokens=self._max_tokens
        )
        for reply in replies:
            if not reply.text.strip() or reply.finish_reason == "length":
                what = "cut a translation short" if reply.text.strip() else "answered with an empty translation"
                raise RemoteError(f"{self._endpoint.host} {what}; allow more than max_tokens {self._max_tokens}")
        return [reply.text for reply in replies]


def _conversation(text: str, language: str) -> list[dict[str, str]]:
    named = f" The report is in {LANGUAGES[language]}." if language in LANGUAGES else ""
    return [{"role": "system", "content": _INSTRUCTION + named}, {"role": "user", "content": text}]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:8]
