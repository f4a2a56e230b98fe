"""Kinds of arguments that several commands take."""

from __future__ import annotations

import argparse


class UsageError(Exception):
    """Arguments that do not go together; `meit` prints it in one line and exits with 2."""


def positive(text: str) -> int:
    """Reads a whole number from 1 up."""
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a positive whole number")
    return number


def part(text: str) -> tuple[int, int]:
    """Reads I/N."""
    number, _, of = text.partition("/")
    if not (number.isascii() and number.isdigit() and of.isascii() and of.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r}, expected I/N, as in 1/4")
    return int(number), int(of)
