"""What visitors send: stored under a name that no other upload shares, read once, then deleted."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from dataset_scripts.errors import EcgInputError
from spaces_demo.service.private_folder import is_inside

UPLOAD_ROUTE = "/gradio_api/upload"
GONE = "an uploaded file is no longer here: each is deleted once it was read; upload it again"
_OWN_FOLDER = re.compile(r"[0-9a-f]{32}")


class UploadRoute:
    """Stores the files of one multipart request, in place of Gradio's own route.

    That one names a file by its content, so that two visitors with the same ECG would share one file, and the first
    to be answered would delete it under the other's hands.

    Args:
        folder: where uploads lie.
        most_bytes: of all that nobody has had read yet; the oldest go where there are more.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self._most_bytes = folder, most_bytes

    async def receive(self, request: Request) -> Response:
        """Answer one request with the paths of its files."""
        from gradio.route_utils import MultiPartException, upload_fn
        from gradio.routes import file_upload_statuses

        blocks = request.app.get_blocks()
        size = int(request.headers.get("content-length", blocks.max_file_size))
        # In a thread: it looks at each folder, and the others' requests should not wait.
        await run_in_threadpool(make_room, self._folder, self._most_bytes - size)
        folder = self._folder / secrets.token_hex(16)
        # The page asks how far its upload is, by an id of its own.
        upload_id = request.query_params.get("upload_id")
        statuses = file_upload_statuses if upload_id else None
        try:
            paths, _, _ = await upload_fn(
                request, folder, blocks.max_file_size, upload_id, force_move=True, upload_progress=statuses
            )
        except MultiPartException as error:
            shutil.rmtree(folder, ignore_errors=True)
            return PlainTextResponse(error.message, status_code=413 if "maximum allowed size" in error.message else 400)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            if upload_id:
                file_upload_statuses.set_done(upload_id)
        return JSONResponse([str(path) for path in paths])


def make_room(folder: Path, most_bytes: int) -> None:
    """Delete the oldest uploads, until all of them together have at most so many bytes.

    Args:
        folder: where uploads lie, each in a folder of its own; others there are left alone.
        most_bytes: that may stay.
    """
    found = _own_folders(folder)
    total = sum(size for _, size, _ in found)
    for _, size, own in sorted(found):
        if total <= most_bytes:
            return
        shutil.rmtree(own, ignore_errors=True)
        total -= size


def delete_old(folder: Path, before: float) -> None:
    """Delete uploads and pictures, each with the folder that was made for it; also folders that were left empty.

    Args:
        folder: where they lie, each in a folder of its own; others there are left alone.
        before: time.time() of what may stay.
    """
    for made, _, own in _own_folders(folder):
        if made < before:
            shutil.rmtree(own, ignore_errors=True)


def _own_folders(folder: Path) -> list[tuple[float, int, Path]]:
    """When each was made or last given a file, its bytes, and where it is."""
    found = []
    for own in folder.iterdir():
        if _OWN_FOLDER.fullmatch(own.name):
            # One that is read and deleted meanwhile has made its room already.
            with suppress(FileNotFoundError):
                size = sum(path.stat().st_size for path in own.rglob("*") if path.is_file())
                found.append((own.stat().st_mtime, size, own))
    return found


@contextmanager
def uploaded(files: Any, folder: Path) -> Iterator[list[Path]]:
    """The files that a request names, as `uploaded_paths` has them; they are deleted when it is answered.

    Args:
        files: see there.
        folder: see there.
    """
    try:
        yield uploaded_paths(files, folder)
    finally:
        discard([path for path in _named(files) if isinstance(path, str)], folder)


def uploaded_paths(files: Any, folder: Path) -> list[Path]:
    """The paths that a request names.

    Args:
        files: as a client of Gradio sends them: a file object, a path as the upload returned it, or a list of these.
        folder: where uploads lie.

    Raises:
        EcgInputError: none is named, or something that was not uploaded: a URL, a path of the server, or a file that
            has been read and deleted.
    """
    paths = _named(files)
    if not any(paths):
        raise EcgInputError("no file was sent, expected at least one; upload it first")
    found = []
    for path in paths:
        if not isinstance(path, str) or not is_inside(path, folder):
            raise EcgInputError(
                "a file was named that was not uploaded here; this server reads no URL and none of its own files: "
                "upload yours"
            )
        if not Path(path).is_file():
            raise EcgInputError(GONE)
        found.append(Path(path))
    return found


def _named(files: Any) -> list[Any]:
    given = files if isinstance(files, Sequence) and not isinstance(files, str) else [files]
    return [each.get("path") if isinstance(each, Mapping) else each for each in given]


@contextmanager
def inline_file(content: Any, folder: Path, largest: int) -> Iterator[Path]:
    """Store a file that was sent as text, in base64 with or without a data URL's head, until it is read.

    Args:
        content: the file.
        folder: where uploads lie.
        largest: bytes that it may have.

    Raises:
        EcgInputError: it is no base64, is empty, or has more bytes.
    """
    if not isinstance(content, str):
        raise EcgInputError("the file is no text, expected its bytes in base64, of a zip if it is several")
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
    try:
        path.parent.mkdir(mode=0o700)
        path.write_bytes(data)
        yield path
    finally:
        discard([path], folder)


def discard(paths: Sequence[str | Path], folder: Path) -> None:
    """Delete uploads, and the folders that were made for them; what is not below `folder` is left alone."""
    for path in map(Path, paths):
        if is_inside(path, folder):
            shutil.rmtree(folder / path.resolve().relative_to(folder).parts[0], ignore_errors=True)
