"""`meit demo`: the page that reads an ECG file, on one's own machine."""

from __future__ import annotations

import argparse

from meit_commands.arguments import positive

_PORT = 7860


def add(parser: argparse.ArgumentParser) -> None:
    """Describes the command."""
    parser.description = (
        "Serve the page that reads an ECG file: the recording on paper, the report as it is written, what was measured "
        "beside it. Files are read in memory, nothing is kept and no other host is asked for anything. Ctrl-C ends it. "
        "For research use only; not a medical device."
    )
    parser.add_argument(
        "--models",
        metavar="FILE",
        help='the models a visitor may choose, as JSON: [{"name": ..., "source": FOLDER_OR_ID, "revision": COMMIT, '
        '"description": ...}, ...]; default: the model that comes with meit-ecg',
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at; default: this machine only")
    parser.add_argument("--port", type=_port, default=_PORT, metavar="N", help=f"0: any free one; default: {_PORT}")
    parser.add_argument(
        "--max-batch", type=positive, default=8, metavar="N", help="reports written at once; default: 8"
    )
    parser.add_argument(
        "--max-waiting", type=positive, default=64, metavar="N", help="requests that may wait; default: 64"
    )
    parser.add_argument(
        "--max-upload-mb",
        type=positive,
        metavar="MB",
        help="size of one upload; default: 64, of all its files together",
    )
    parser.add_argument(
        "--allow-any-model",
        action="store_true",
        help="let a visitor name any folder or Hub id, whose code then runs on this machine; refused unless --host is "
        "of this machine alone",
    )
    parser.add_argument("--no-mcp", action="store_true", help="serve no tools of the Model Context Protocol")
    parser.set_defaults(run=_demo)


def _port(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r}, expected 0 to 65535")
    return number


def _demo(arguments: argparse.Namespace) -> None:
    from ecg_files.limits import Limits
    from spaces_demo.engine.models import read_models
    from spaces_demo.service.launch import launch
    from spaces_demo.service.settings import Settings

    limits = Limits() if arguments.max_upload_mb is None else Limits(bytes=arguments.max_upload_mb << 20)
    launch(
        Settings(
            host=arguments.host,
            port=arguments.port,
            models=read_models(arguments.models),
            allow_any_model=arguments.allow_any_model,
            max_batch=arguments.max_batch,
            max_waiting=arguments.max_waiting,
            limits=limits,
            mcp=not arguments.no_mcp,
        ).checked()
    )
