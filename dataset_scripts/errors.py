"""What is raised where input cannot be used; without any library, so that a command line starts at once."""

from __future__ import annotations


class EcgInputError(ValueError):
    """Input that cannot be used; its one line says what was given, what was expected and what to do.

    The `meit` command prints it and exits with 2.
    """
