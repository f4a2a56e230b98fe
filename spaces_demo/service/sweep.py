"""Deletes what nobody asked for within an hour: uploads that were not read, and pictures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio

from spaces_demo.service.logs import ServiceLog, where
from spaces_demo.service.uploads import delete_old

KEEP_S = 3600.0
SWEEP_S = 300.0


@asynccontextmanager
async def swept(
    folder: Path, log: ServiceLog, known: Iterable[set[Any]], every_s: float = SWEEP_S
) -> AsyncIterator[None]:
    """Sweep a folder from time to time, as long as the server runs.

    Gradio's own clean-up ends for good where a file comes or goes while it looks, and leaves the folders.

    Args:
        folder: where uploads and pictures lie.
        log: gets a line where a sweep failed; the next is tried all the same.
        known: sets in which Gradio notes the files for its own clean-up; they are emptied, since nobody else does.
        every_s: seconds between two sweeps.
    """
    task = asyncio.create_task(_sweep(folder, log, known, every_s))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _sweep(folder: Path, log: ServiceLog, known: Iterable[set[Any]], every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        try:
            for each in known:
                each.clear()
            await anyio.to_thread.run_sync(delete_old, folder, time.time() - KEEP_S)
        except Exception as error:
            log.write("sweep", status="failed", where=where(error))
