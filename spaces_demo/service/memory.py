"""Keeps the memory of a server where it was, however many visitors there were."""

from __future__ import annotations

import ctypes
import os
import platform

_M_ARENA_MAX = -8  # glibc's malloc.h
_ARENAS = 2


def share_arenas() -> bool:
    """Let the threads of this process share two of the pools that memory is taken from; whether that is so now.

    glibc gives each thread a pool of its own, up to eight a core, and each keeps the most that its thread ever needed:
    a server with a thread a request then grows for hundreds of requests (mallopt(3), M_ARENA_MAX). To be called before
    threads are started. Without glibc, or where the operator has set MALLOC_ARENA_MAX, nothing is changed.
    """
    if platform.libc_ver()[0] != "glibc" or "MALLOC_ARENA_MAX" in os.environ:
        return False
    return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS))
