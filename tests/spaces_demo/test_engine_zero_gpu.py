"""On a ZeroGPU Space the model is called in another process: a stand-in for its package forks and pickles too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spaces_demo.engine.zero_gpu import on_zero_gpu, with_zero_gpu
from tests.tiny import save_tiny_model_folder

ROOT = Path(__file__).parents[2]
SPACES = """
import multiprocessing

CALLS = []


def GPU(task):
    def call(*args):
        CALLS.append(task.__name__)
        context = multiprocessing.get_context("fork")
        arguments, results = context.SimpleQueue(), context.SimpleQueue()
        process = context.Process(target=lambda: results.put(task(*arguments.get())), daemon=True)
        process.start()
        arguments.put(args)
        found = results.get()
        process.join()
        return found

    return call
"""
SCRIPT = """
import sys
import torch
torch.set_num_threads(1)
from spaces_demo.engine.engine import ReportEngine
from spaces_demo.engine.models import ModelEntry
from tests.spaces_demo.tiny_engine import PROMPTS, RATE, ask, ecg, last

engine = ReportEngine([ModelEntry("tiny", sys.argv[1])])
engine.warm_up()
state = last(ask(engine, 1))
found = engine.occlude("tiny", ecg(1), RATE, PROMPTS[1], state.text, progress=lambda share: None)
engine.close()
print(state.text.encode(), state.confidence, found.importance.shape)
if len(sys.argv) > 2:
    import spaces
    print(*spaces.CALLS)
"""


def ran(tmp_path, folder, *more, **environment):
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), *more],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


@pytest.mark.skipif(sys.platform == "win32", reason="ZeroGPU forks")
def test_the_same_report_comes_back_from_the_process_with_the_gpu(tmp_path):
    folder = save_tiny_model_folder(tmp_path / "tiny", num_ecg_tokens=2)
    (tmp_path / "spaces.py").write_text(SPACES)
    here = ran(tmp_path, folder)
    there = ran(tmp_path, folder, "calls", SPACES_ZERO_GPU="true")
    assert there[0] == here[0]
    assert there[1] == "write_answers attribute", "warm_up only loads, which the forked processes inherit"


def test_elsewhere_nothing_is_wrapped(monkeypatch):
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    assert not on_zero_gpu()
    assert with_zero_gpu(ran) is ran
    monkeypatch.setenv("SPACES_ZERO_GPU", "1")
    monkeypatch.setitem(sys.modules, "spaces", None)
    assert with_zero_gpu(ran) is ran, "the package is not there"
