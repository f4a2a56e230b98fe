"""`/health`: whether the server runs, for who watches over it; nothing of any visitor."""

from __future__ import annotations

import time
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from spaces_demo.service.demo import Demo


def health(demo: Demo) -> dict[str, Any]:
    """What `/health` answers: status, version, names of the models, counts of the queue, seconds since the start."""
    return {
        "status": "ok",
        "version": _version(),
        "models": list(demo.engine.names),
        "queue": demo.engine.statistics(),
        "uptime_s": round(time.monotonic() - demo.started, 1),
    }


def health_route(demo: Demo) -> Route:
    """The route; it waits for nothing and takes no thread, so that it answers while all of them work."""

    async def answer(request: Request) -> Response:
        return JSONResponse(health(demo), headers={"Cache-Control": "no-store"})

    return Route("/health", answer, methods=["GET"])


def _version() -> str:
    try:
        return version("meit-ecg")
    except PackageNotFoundError:
        return "not installed"  # a Space runs the packages from its repository
