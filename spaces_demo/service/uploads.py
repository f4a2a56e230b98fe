"""What visitors send: stored under a name that no other upload shares, read once, then deleted."""

from __future__ import annotations

import base64
import binascii
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from dataset_scripts.errors import EcgInputError
from spaces_demo.service.private_folder import is_inside

UPLOAD_ROUTE = "/gradio_api/upload"


async def receive_upload(request: Request) -> Response:
    """Store the files of one multipart request, in place of Gradio's own route.

    That one names a file by its content, so that two visitors with the same ECG would share one file, and the first
    to be answered would delete it under the other's hands.
    """
    from gradio.route_utils import MultiPartException, upload_fn

    blocks = request.app.get_blocks()
    folder = Path(request.app.uploaded_file_dir) / secrets.token_hex(16)
    try:
        paths, _, _ = await upload_fn(request, folder, blocks.max_file_size, None, force_move=True)
    except MultiPartException as error:
        shutil.rmtree(folder, ignore_errors=True)
        return PlainTextResponse(error.message, status_code=413 if "maximum allowed size" in error.message else 400)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    # From these Gradio deletes by age what nobody asked to have read.
    blocks.upload_file_set.update(str(path) for path in paths)
    return JSONResponse([str(path) for path in paths])


def uploaded_paths(files: Any, folder: Path) -> list[Path]:
    """The paths that a request names.

    Args:
        files: as a client of Gradio sends them: a file object, a path as the upload returned it, or a list of these.
        folder: where uploads lie.

    Raises:
        EcgInputError: none is named, or something that was not uploaded: a URL, a path of the server, or a file that
            has been read and deleted.
    """
    given = files if isinstance(files, Sequence) and not isinstance(files, str) else [files]
    paths = [each.get("path") if isinstance(each, Mapping) else each for each in given]
    if not any(paths):
        raise EcgInputError("no file was sent, expected at least one; upload it first, as gradio_client's handle_file")
    found = []
    for path in paths:
        if not isinstance(path, str) or not is_inside(path, folder):
            raise EcgInputError(
                "a file was named that was not uploaded here; this server reads no URL and none of its own files: "
                "upload yours"
            )
        if not Path(path).is_file():
            raise EcgInputError("an uploaded file is no longer here: each is deleted once it was read; upload it again")
        found.append(Path(path))
    return found


def inline_file(content: str, folder: Path, largest: int) -> Path:
    """Store a file that was sent as text, in base64 with or without a data URL's head.

    Args:
        content: the file.
        folder: where uploads lie.
        largest: bytes that it may have.

    Raises:
        EcgInputError: it is no base64, is empty, or has more bytes.
    """
    text = content.partition(",")[2] if content.startswith("data:") else content
    if len(text) // 4 * 3 > largest + 3:
        raise EcgInputError(f"the file has more than {largest} bytes; send less")
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise EcgInputError(
            f"the file is not in base64 ({error}); encode its bytes, of a zip if it is several"
        ) from error
    if not data:
        raise EcgInputError("the file in base64 is empty; send the bytes of an ECG file")
    path = folder / secrets.token_hex(16) / "upload"
    path.parent.mkdir(mode=0o700)
    path.write_bytes(data)
    return path


def discard(paths: Sequence[str | Path], folder: Path) -> None:
    """Delete uploads, and the folders that were made for them; what is not below `folder` is left alone."""
    for path in map(Path, paths):
        if is_inside(path, folder):
            shutil.rmtree(folder / path.resolve().relative_to(folder).parts[0], ignore_errors=True)
