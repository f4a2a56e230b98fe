"""How every function of the service ends: with a line in the log, and an error as one sentence."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gradio as gr

from dataset_scripts.errors import EcgInputError
from spaces_demo.service.logs import ServiceLog, where

DEFECT = "this is a defect of the service, not of your file; its log says where it arose. Try again"


@dataclass
class Request:
    """What the log will say of a request besides its event, outcome and duration.

    Attributes:
        format: of the file.
        model: the operator's name of it.
        bytes: of the upload.
    """

    format: str | None = None
    model: str | None = None
    bytes: int | None = None


@contextmanager
def answered(log: ServiceLog, event: str) -> Iterator[Request]:
    """Log one request when it ends.

    Raises:
        gr.Error: what the body raised, as a sentence that Gradio shows without printing where it arose. The log has
            only the kind of error and the line of this project's code.
    """
    request, began, status, place = Request(), time.monotonic(), "answered", None
    try:
        yield request
    except EcgInputError as error:
        status = "refused"
        raise gr.Error(" ".join(str(error).split()), print_exception=False) from None
    except Exception as error:
        status, place = "failed", where(error)
        raise gr.Error(DEFECT, print_exception=False) from None
    finally:
        log.write(
            event,
            seconds=time.monotonic() - began,
            status=status,
            format=request.format,
            model=request.model,
            bytes=request.bytes,
            where=place,
        )


class _WrongValuesError(Exception):
    """A call came with too few values or ones of another kind; its text is the answer."""


def quieten(blocks: Any, log: ServiceLog) -> None:
    """Keep Gradio from printing what a function or its arguments raised.

    It prints a trace with the arguments in it where a request has too few or wrong ones, and they are the visitor's.

    Args:
        blocks: of the page; every call of the page, the API and the tools goes through its `process_api`.
        log: gets a line in place of the trace.
    """
    process, preprocess = blocks.process_api, blocks.preprocess_data

    async def preprocess_or_refuse(block_fn: Any, inputs: list[Any], *arguments: Any, **options: Any) -> Any:
        try:
            return await preprocess(block_fn, inputs, *arguments, **options)
        except gr.Error:
            raise
        except ValueError as error:
            raise _WrongValuesError(
                f"{len(inputs)} values came that cannot be used, expected {len(block_fn.inputs)} of the kinds that "
                "/gradio_api/info lists; correct the call"
            ) from error

    async def process_quietly(*arguments: Any, **options: Any) -> Any:
        try:
            return await process(*arguments, **options)
        except _WrongValuesError as error:
            log.write("call", status="refused")
            raise gr.Error(str(error), print_exception=False) from None
        except gr.Error as error:
            error.print_exception = False
            raise
        except Exception as error:
            log.write("call", status="failed", where=where(error))
            raise gr.Error(DEFECT, print_exception=False) from None

    blocks.process_api, blocks.preprocess_data = process_quietly, preprocess_or_refuse
    # It logs the messages that it could not understand.
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
