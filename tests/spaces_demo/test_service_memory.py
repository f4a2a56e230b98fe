"""The pools that glibc takes memory from, counted in a process of many threads."""

import os
import platform
import subprocess
import sys

import pytest

from tests.spaces_demo.service_process import ROOT

_COUNT = """
import ctypes, sys, threading
from spaces_demo.service.memory import share_arenas
said = share_arenas() if sys.argv[1] == "shared" else None
libc, together = ctypes.CDLL(None), threading.Barrier(12)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p

def take():
    libc.malloc(ctypes.c_size_t(1000))
    together.wait()

threads = [threading.Thread(target=take) for _ in range(12)]
[each.start() for each in threads]
[each.join() for each in threads]
stream = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, stream)
libc.fclose(stream)
print(said, open(sys.argv[2]).read().count("<heap nr="))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="pools are glibc's")
@pytest.mark.parametrize(
    ("how", "environment", "said", "few"),
    [
        ("shared", {}, "True", True),
        ("as usual", {}, "None", False),
        ("shared", {"MALLOC_ARENA_MAX": "5"}, "False", False),
    ],
)
def test_threads_share_two_pools(tmp_path, how, environment, said, few):
    variables = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    variables |= {"PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-c", _COUNT, how, str(tmp_path / "pools")]
    printed = subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout.split()
    assert printed[0] == said
    assert (int(printed[1]) == 2) == few
