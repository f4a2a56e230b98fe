"""The `meit` command: parses its arguments and calls the parts that do the work.

Exit codes: 0 done; 2 bad input or usage, with one line on stderr; 1 anything else; 130 stopped with Ctrl-C. The parts
are imported when their command runs, so that `meit --help` answers at once.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

from meit_commands import build, demo, evaluate, models, publish, report, train
from meit_commands.arguments import UsageError

_EXTRA = {
    "build": "train",
    "train": "train",
    "models": "train",
    "eval": "eval",
    "demo": "demo",
    "publish": "eval",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print below its usage: an error is one line."""
        raise UsageError(f"{message} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    command, debug = None, False
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _stop)  # what a scheduler sends: files are closed and removed as at Ctrl-C
    try:
        arguments = _parser().parse_args(argv)
        command, debug = arguments.command, arguments.debug
        run: Callable[[argparse.Namespace], None] = arguments.run
        run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _failed("stopped", 130)
    except BrokenPipeError:
        # Who reads has seen enough (`meit models | head`); what is still in the buffer must not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UsageError as error:
        return _failed(str(error), 2)
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _failed(*_explained(error, command))
    return 0


def _stop(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _failed(message: str, code: int) -> int:
    print(f"meit: error: {' '.join(message.split())}", file=sys.stderr)
    return code


def _explained(error: Exception, command: str | None) -> tuple[str, int]:
    """Return one line for an error, and the exit code."""
    if isinstance(error, ImportError):
        extra = f"[{_EXTRA[command]}]" if command in _EXTRA else ""
        return f'{error}; install what this command needs with: pip install "meit-ecg{extra}"', 2
    from dataset_scripts.record import EcgInputError
    from meit_remote.transport import RemoteError

    if isinstance(error, RemoteError):
        return str(error), 1
    if isinstance(error, (EcgInputError, OSError)):
        return str(error), 2
    return f"{type(error).__name__}: {error} (a defect, or too little memory: meit --debug shows where)", 1


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="meit", description="Language models that read a 12-lead ECG. For research use only.")
    parser.add_argument("--debug", action="store_true", help="show where an error arose; stands before the command")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command, purpose in (
        ("report", report, "write the report of one ECG"),
        ("build", build, "turn an archive into an instruction data set"),
        ("train", train, "train a model by a recipe"),
        ("eval", evaluate, "score a model, or the predictions of any system"),
        ("demo", demo, "serve the page that reads an ECG file"),
        ("models", models, "list what can be used, and count it before it is trained"),
        ("publish", publish, "put a model, a data set or the page on the Hugging Face Hub"),
    ):
        command.add(commands.add_parser(name, help=purpose))
    return parser


if __name__ == "__main__":
    sys.exit(main())
