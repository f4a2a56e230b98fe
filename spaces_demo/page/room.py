"""How many samples all visitors' recordings may hold in memory together, so that a few of them cannot fill it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Protocol

from dataset_scripts.errors import EcgInputError

FREE_VALUES = 250_000
"""Samples (of all leads) that a page may always keep: 41 s of twelve leads at 500 Hz, 1 MB."""
TOTAL_VALUES = 100_000_000
"""Samples that the recordings of all pages may have together: 400 MB."""
IDLE_S = 900.0
"""A page that was not used for so long gives its memory to another one that needs it."""


class Tenant(Protocol):
    """What takes room.

    Attributes:
        used: time.monotonic() when it was last used.
    """

    used: float

    def held(self) -> int:
        """Samples that it holds."""

    def close(self) -> None:
        """Give all of them up."""


class Room:
    """The memory for recordings that all pages share.

    Args:
        values: samples that fit.
        lock: to be held from asking for room until it is taken.
    """

    def __init__(self, values: int = TOTAL_VALUES) -> None:
        self.lock = threading.RLock()
        self._values = values

    def check(self, tenant: Tenant, values: int, tenants: Iterable[Tenant]) -> None:
        """Make room for what a page wants to keep in place of what it holds, where need be of pages that lie idle.

        Args:
            tenant: the page.
            values: samples that it wants to keep.
            tenants: all pages.

        Raises:
            EcgInputError: the others hold too much.
        """
        if values <= FREE_VALUES:
            return
        others = sorted((one for one in tenants if one is not tenant), key=lambda one: one.used)
        held = sum(one.held() for one in others if one.held() > FREE_VALUES)
        for one in others:
            if held + values > self._values and one.held() > FREE_VALUES and time.monotonic() - one.used > IDLE_S:
                held -= one.held()
                one.close()
        if held + values > self._values:
            raise EcgInputError(
                "Other visitors' long recordings fill this server's memory just now. Send a stretch of under "
                "40 s, or try again in a few minutes."
            )
