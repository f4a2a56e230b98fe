"""What is deleted though nobody asked to have it read, and uploads that two requests name."""

import asyncio
import io
import json
import os
import threading
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from dataset_scripts.errors import EcgInputError
from spaces_demo.service import sweep, uploads
from spaces_demo.service.answering import Request
from spaces_demo.service.asked import Recording
from spaces_demo.service.logs import ServiceLog
from spaces_demo.service.sweep import swept
from spaces_demo.service.uploads import UPLOAD_ROUTE, UploadRoute, delete_old


def own_folder(folder, number, made, *names):
    own = folder / f"{number:032x}"
    own.mkdir()
    for name in names:
        (own / name).write_bytes(b"a")
    os.utime(own, (made, made))
    return own


def test_what_is_old_goes_with_its_folder(tmp_path):
    for number, made in enumerate((999, 1001)):
        own_folder(tmp_path, number, made, "ecg.png")
        own_folder(tmp_path, 10 + number, made)
    session = tmp_path / "page-1"
    session.mkdir()
    os.utime(session, (0, 0))
    delete_old(tmp_path, 1000)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{1:032x}", f"{11:032x}", "page-1"]


def test_a_sweep_that_fails_is_not_the_last(tmp_path, monkeypatch):
    stream, known = io.StringIO(), [{"of Gradio's"}, set()]
    own = own_folder(tmp_path, 1, 0, "a.edf")

    async def run():
        swept_twice, calls = asyncio.Event(), []
        loop, before = asyncio.get_running_loop(), asyncio.all_tasks()

        def fail_once(folder, time):
            calls.append(time)
            if len(calls) == 1:
                raise RuntimeError("Set changed size during iteration")
            delete_old(folder, time)
            loop.call_soon_threadsafe(swept_twice.set)

        monkeypatch.setattr(sweep, "delete_old", fail_once)
        async with swept(tmp_path, ServiceLog(stream), known, every_s=0):
            await swept_twice.wait()
        assert asyncio.all_tasks() == before, "it goes on after the server has closed"

    asyncio.run(asyncio.wait_for(run(), timeout=60))
    assert not own.exists()
    assert known == [set(), set()]
    (line,) = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (line["event"], line["status"], line["where"][:12]) == ("sweep", "failed", "RuntimeError")


def test_room_is_made_beside_the_event_loop_and_gradio_is_told_of_no_file(tmp_path, monkeypatch):
    threads = []
    monkeypatch.setattr(uploads, "make_room", lambda *_: threads.append(threading.get_ident()))

    class Upload(UploadRoute):
        async def receive(self, request):
            threads.append(threading.get_ident())
            return await super().receive(request)

    app = Starlette(routes=[Route(UPLOAD_ROUTE, Upload(tmp_path, 1000).receive, methods=["POST"])])
    blocks = SimpleNamespace(max_file_size=1000, upload_file_set=set())
    app.get_blocks = lambda: blocks
    (path,) = TestClient(app).post(UPLOAD_ROUTE, files=[("files", ("a.hea", b"a"))]).json()
    assert path.startswith(str(tmp_path))
    loop, room = threads
    assert loop != room
    assert blocks.upload_file_set == set()


@pytest.mark.parametrize("when", ["before it is looked at", "while it waits for a reader"])
def test_an_upload_that_another_request_has_had_read(tmp_path, when):
    path = tmp_path / f"{1:032x}" / "a.edf"
    path.parent.mkdir()
    path.write_bytes(b"a")

    def read(paths, *_, **__):
        uploads.discard(paths, tmp_path)
        raise EcgInputError("a.edf cannot be read (FileNotFoundError); export it again")

    demo = SimpleNamespace(folder=tmp_path, reader=SimpleNamespace(read_stretch=read))
    if when == "before it is looked at":
        uploads.discard([path], tmp_path)
    with pytest.raises(EcgInputError, match="no longer here: each is deleted once it was read; upload it again"):
        Recording([path]).open(demo, Request())
