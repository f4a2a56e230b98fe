"""The translator of a build by its name: the project's rules, a model of the Hub, or an endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from dataset_scripts.record import EcgInputError
from dataset_scripts.reports.translation import RuleTranslator, Translator
from meit_remote.consent import say_on_stderr

RULES, HUB, ENDPOINT = "rules", "hub:", "endpoint:"


@dataclass(frozen=True)
class Sending:
    """What a build may send to an endpoint.

    Attributes:
        consent: the host that may receive the reports; an endpoint on this machine needs none.
        key_variable: environment variable that holds the endpoint's key.
    """

    consent: str | None = None
    key_variable: str | None = None


NOTHING_SENT = Sending()


def check_translator(name: str) -> None:
    """Refuses a name that is none.

    Raises:
        EcgInputError: it is not "rules", "hub:MODEL", "hub:MODEL@de=CODE,sv=CODE,en=CODE" or "endpoint:MODEL@URL".
    """
    model, at, url = name.removeprefix(ENDPOINT).partition("@")
    if name == RULES or (name.startswith(HUB) and _hub_model(name)[0]):
        return
    if not (name.startswith(ENDPOINT) and model and at and url):
        raise EcgInputError(f"translator {name!r}, expected rules, hub:MODEL (folder or Hub id) or endpoint:MODEL@URL")


def _hub_model(name: str) -> tuple[str, dict[str, str] | None]:
    """Returns the model of "hub:MODEL", and our language -> the model's code for it where they are given."""
    model, _, codes = name.removeprefix(HUB).rpartition("@")
    if "=" not in codes:
        return name.removeprefix(HUB), None
    return model, {language: code for language, _, code in (pair.partition("=") for pair in codes.split(","))}


@lru_cache(maxsize=1)
def make_translator(name: str, sending: Sending) -> Translator:
    """Returns a translator, made once a process.

    Raises:
        EcgInputError: as `check_translator`, or the model or its libraries are not there, or it needs language codes.
    """
    check_translator(name)
    if name == RULES:
        return RuleTranslator()

    from dataset_scripts.reports.machine_translation import EndpointTranslator, HubTranslator
    from meit_remote.endpoint import ChatEndpoint

    if name.startswith(HUB):
        hub_model, codes = _hub_model(name)
        return HubTranslator(hub_model, language_codes=codes)
    model, _, url = name.removeprefix(ENDPOINT).partition("@")
    endpoint = ChatEndpoint(
        url,
        model,
        sends="reports to translate, this many at a time,",
        consent=sending.consent,
        key_variable=sending.key_variable,
        say=_OnlyFirst(),
    )
    return EndpointTranslator(endpoint)


class _OnlyFirst:
    """Says where reports go before the first of them goes there, and not again for each group of a build."""

    def __init__(self) -> None:
        self._said = False

    def __call__(self, line: str) -> None:
        if not self._said:
            say_on_stderr(line)
        self._said = True
