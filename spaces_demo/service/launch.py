"""Starts the demo: engine and reader, the page with its API, and the server with its limits."""

from __future__ import annotations

import contextlib
import io
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from starlette.middleware import Middleware
from starlette.routing import Route

from dataset_scripts.errors import EcgInputError
from spaces_demo.service.demo import Demo
from spaces_demo.service.guard import Guard
from spaces_demo.service.headers import SecurityHeaders
from spaces_demo.service.health import health_route
from spaces_demo.service.logs import as_lines
from spaces_demo.service.memory import share_arenas
from spaces_demo.service.settings import Settings, is_loopback
from spaces_demo.service.sweep import swept
from spaces_demo.service.uploads import UPLOAD_ROUTE, UploadRoute

_SESSIONS = 256
_UPLOADS_KEPT = 16  # of the largest size, until somebody asks to have them read


@dataclass(frozen=True)
class Running:
    """A server that answers.

    Attributes:
        url: address of the page, without a slash at its end.
        demo: what it runs.
        blocks: Gradio's.
    """

    url: str
    demo: Demo
    blocks: Any

    def close(self) -> None:
        """Stop the server, and remove all that visitors left."""
        self.blocks.close(verbose=False)
        self.demo.close()


def start(settings: Settings) -> Running:
    """Start a server and return once it answers.

    Args:
        settings: of the operator; port 0 takes a free one.

    Raises:
        EcgInputError: the settings may not be used, a model cannot be opened, or the port is taken.
    """
    demo = Demo.open(settings)
    try:
        return _serve(demo)
    except BaseException:
        demo.close()
        raise


def launch(settings: Settings) -> None:
    """Start a server, print its address, and wait until it is stopped with Ctrl-C.

    Raises:
        EcgInputError: as `start`.
    """
    share_arenas()
    running = start(settings)
    try:
        with as_lines(running.demo.log):
            print(f"meit demo answers at {running.url}", flush=True)
            if not is_loopback(settings.host):
                print("warning: others can reach this page; it has no log-in of its own", flush=True)
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        print("stopped", flush=True)
    finally:
        running.close()


def _serve(demo: Demo) -> Running:
    # After the demo has set the folder that Gradio looks for when it is imported.
    from spaces_demo.page.build import build_page, page_options
    from spaces_demo.service.answering import quieten
    from spaces_demo.service.api import MCP_ENDPOINTS

    settings = demo.settings
    port = settings.port or _free_port(settings.host)
    blocks = build_page(demo)
    if blocks.analytics_enabled:
        raise RuntimeError("the page was built with Gradio's analytics on")
    quieten(blocks, demo.log)
    # Twice a batch: while one is written, the next is read from its files.
    blocks.queue(max_size=settings.max_waiting, default_concurrency_limit=2 * settings.max_batch, api_open=False)
    uploads = UploadRoute(demo.folder, _UPLOADS_KEPT * settings.limits.bytes)
    options: dict[str, Any] = {
        **page_options(),
        "server_name": settings.host,
        "server_port": port,
        "root_path": settings.root_path or None,
        "max_file_size": settings.limits.bytes,
        "max_threads": max(40, 4 * settings.max_batch),
        "state_session_capacity": _SESSIONS,
        "mcp_server": settings.mcp,
        "app_kwargs": {
            "middleware": [
                Middleware(SecurityHeaders, embedded=settings.embedded),
                Middleware(
                    Guard,
                    folder=demo.folder,
                    largest=settings.limits.bytes,
                    root_path=settings.root_path,
                    mcp=settings.mcp,
                    local=settings.local,
                    log=demo.log,
                ),
            ],
            "routes": [health_route(demo), Route(UPLOAD_ROUTE, uploads.receive, methods=["POST"])],
            "openapi_url": None,
            "lifespan": _while_it_runs(demo, blocks),
        },
        "share": False,
        "ssr_mode": False,
        "pwa": False,
        "run_history": False,
        "enable_monitoring": False,
        "show_error": False,
        "prevent_thread_lock": True,
        "inbrowser": False,
        "quiet": True,
    }
    try:
        # Gradio announces its tools on stdout, where the command prints the address only.
        with contextlib.redirect_stdout(io.StringIO()):
            blocks.launch(**options)
    except OSError as error:
        raise EcgInputError(
            f"port {port} at {settings.host} cannot be used ({error}); stop what listens there or give another --port"
        ) from error
    if settings.mcp:
        tools = blocks.mcp_server_obj.tool_to_endpoint
        for name in [name for name, endpoint in tools.items() if endpoint not in MCP_ENDPOINTS]:
            del tools[name]
    shown = "localhost" if settings.host in ("0.0.0.0", "::") else settings.host
    shown = f"[{shown}]" if ":" in shown and not shown.startswith("[") else shown
    demo.log.write("listening", seconds=time.monotonic() - demo.started)
    return Running(f"http://{shown}:{port}", demo, blocks)


def _while_it_runs(demo: Demo, blocks: Any) -> Any:
    """What Gradio does before the server's first answer and after its last, as it takes it."""
    from spaces_demo.service.states import PagesFirst

    @contextlib.asynccontextmanager
    async def run(app: Any) -> AsyncIterator[None]:
        app.state_holder = PagesFirst()
        app.state_holder.set_blocks(blocks)
        async with swept(demo.folder, demo.log, blocks.temp_file_sets):
            yield

    return run


def _free_port(host: str) -> int:
    host = host.strip("[]")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as found:
        found.bind((host, 0))
        return int(found.getsockname()[1])
