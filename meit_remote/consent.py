"""The one gate before any text leaves this machine: shut unless the user names the host that may receive it.

Judging, translating and rephrasing all pass through it. Reports are health data, so what is to be sent, how much of it
and to whom is said before anything is.
"""

from __future__ import annotations

import argparse
import ipaddress
import sys
from collections.abc import Callable
from urllib.parse import urlsplit

from dataset_scripts.errors import EcgInputError

OPTION = "--consent-to-send"


def host_of(url: str) -> str:
    """Returns the host of an endpoint's address, in lower case.

    Raises:
        EcgInputError: not an http or https address with a host, or one with a password in it.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise EcgInputError(
            f"endpoint {url!r} is no address ({error}); give one like http://localhost:8000/v1"
        ) from error
    if parts.scheme not in ("http", "https") or not host:
        raise EcgInputError(f"endpoint {url!r}, expected an http or https address such as http://localhost:8000/v1")
    if parts.username or parts.password:
        raise EcgInputError(f"the address of endpoint {host} holds a user name; give the key by environment variable")
    if parts.query or parts.fragment:
        raise EcgInputError(f"the address of endpoint {host} goes on after its path; give it only up to the path")
    return host.lower()


def is_this_machine(url: str) -> bool:
    """Whether the endpoint is this machine itself: "localhost", 127.0.0.0/8 or ::1."""
    host = host_of(url)
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def say_on_stderr(line: str) -> None:
    """Prints a line for the user, apart from the program's output."""
    print(f"meit: {line}", file=sys.stderr, flush=True)


def require_consent(
    url: str, what: str, number: int, consent: str | None, say: Callable[[str], None] = say_on_stderr
) -> None:
    """Says what is about to be sent and to whom, and returns only if that is allowed.

    Args:
        url: of the endpoint.
        what: kind of the texts, in the plural, for example "reports to translate".
        number: how many.
        consent: the host that the user allows to receive them. None allows none; an endpoint on this machine needs
            none.
        say: prints the announcement.

    Raises:
        EcgInputError: `consent` does not name the endpoint's host.
    """
    host = host_of(url)
    if is_this_machine(url):
        say(f"sending {number} {what} to {url}, on this machine")
        return
    plain = " UNENCRYPTED" if urlsplit(url).scheme == "http" else ""
    if consent is None or consent.lower() != host:
        given = "no consent was given" if consent is None else f"the consent given names {consent}"
        raise EcgInputError(
            f"{number} {what} would be sent{plain} to {host}, which is not this machine, and {given}; nothing was "
            f"sent. If they may leave this machine, say so with {OPTION} {host} (in Python: consent={host!r})"
        )
    say(f"sending {number} {what}{plain} to {host}, as consented to")


def add_consent_option(parser: argparse._ActionsContainer) -> None:
    """Adds `--consent-to-send HOST` to a command; its value is `consent_to_send`."""
    parser.add_argument(
        OPTION,
        metavar="HOST",
        help="allow texts to be sent to this host; without it only an endpoint on this machine is used",
    )
