"""What is raised where input cannot be used; without any library, so that a command line starts at once."""

from __future__ import annotations

from collections.abc import Iterable


class EcgInputError(ValueError):
    """Input that cannot be used; its one line says what was given, what was expected and what to do.

    The `meit` command prints it and exits with 2.
    """


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Returns "; did you mean 'ptb-xl'?" where a name that is not known is near one that is, and else nothing."""
    from difflib import get_close_matches

    near = get_close_matches(name.lower(), list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""
