"""The process that reads strangers' files: its limits, its environment, its crashes, and many threads at once."""

import json
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from dataset_scripts.errors import EcgInputError
from ecg_files import isolated
from ecg_files.handover import read_answer, write_ecgs, write_refusal
from ecg_files.isolated import IsolatedReader, unlimited
from ecg_files.limits import Limits
from tests.ecg_files.make_files import write_edf, write_wfdb
from tests.made_up_ecg import made_up_ecg

SIGNAL = made_up_ecg()
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="limits need fork")

# In place of pyedflib, whose C code reads what strangers send. The file that is read says what to do.
BAD_LIBRARY = """
import os, pathlib, subprocess, time

DO_NOT_READ_ANNOTATIONS = 0


def EdfReader(path, **options):
    what = pathlib.Path(path).read_bytes()[8:88].decode().strip()
    if what == "hang":
        time.sleep(600)
    if what == "compute":
        while True:
            pass
    if what == "crash":
        os.abort()
    if what == "segfault":
        import ctypes
        ctypes.string_at(0)
    if what == "memory":
        numbers = []
        while True:
            numbers.append(bytearray(1 << 24))
    if what == "disk":
        with open("big", "wb") as file:
            while True:
                file.write(b"x" * (1 << 24))
    if what == "print":
        os.write(1, b"0\\n0\\n0\\n")
        raise OSError("printed")
    if what == "environment":
        raise OSError(" ".join(sorted(os.environ)))
    if what == "secret":
        raise OSError(os.environ.get("HF_TOKEN", "no token"))
"""


@pytest.fixture(scope="module")
def bad_reader(tmp_path_factory):
    """A reader with a library that does what it is told, and a function that tells it."""
    pytest.importorskip("pyedflib")
    folder = tmp_path_factory.mktemp("bad")
    good = write_edf(folder / "good.edf", SIGNAL, 500).read_bytes()
    (folder / "pyedflib.py").write_text(BAD_LIBRARY)
    os.environ["HF_TOKEN"] = "hf_of_the_server"
    sys.path.insert(0, str(folder))
    try:
        reader = IsolatedReader(memory_bytes=256 << 20, seconds=1.5, limits=Limits(zip_bytes=1 << 20))
    finally:
        sys.path.remove(str(folder))
        del os.environ["HF_TOKEN"]

    def say(what):
        path = folder / f"{what}.edf"
        path.write_bytes(good[:8] + what.encode().ljust(80) + good[88:])
        with pytest.raises(EcgInputError) as caught:
            reader.read([path])
        return str(caught.value)

    with reader:
        yield reader, say


@needs_fork
@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("hang", "takes more than 1.5 s"),
        ("compute", "takes more than 1.5 s"),
        ("crash", "made its reader crash"),
        ("segfault", "made its reader crash"),
        ("print", "printed"),
        ("secret", "no token"),
    ],
)
def test_a_library_that_misbehaves_is_one_sentence(bad_reader, what, said):
    reader, say = bad_reader
    assert said in say(what)
    assert not [path for path in reader._folder.iterdir() if path.is_dir()]  # nothing of the read is left


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a limit on memory")
def test_memory_is_limited(bad_reader):
    assert "more memory than" in bad_reader[1]("memory")


@needs_fork
def test_size_of_files_is_limited(bad_reader):
    assert "File too large" in bad_reader[1]("disk")


@needs_fork
def test_the_child_knows_nothing_of_the_servers_environment(bad_reader):
    known = {"HOME", "TMPDIR", "LANG", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "__CF_USER_TEXT_ENCODING"}
    known |= {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "JE_ARROW_MALLOC_CONF"}
    said = bad_reader[1]("environment")
    assert set(said[said.index("(") + 1 : said.index(")")].split()) <= known


@needs_fork
def test_after_all_of_this_it_reads_on(bad_reader, tmp_path):
    bad_reader[1]("crash")
    assert bad_reader[0].read(write_wfdb(tmp_path, "ecg", SIGNAL, 500))[0].name == "ecg"


def test_the_child_has_one_thread(tmp_path):
    """A fork of a process with threads may find a lock that nobody will open."""
    psutil = pytest.importorskip("psutil")
    with IsolatedReader() as reader:
        reader.read(write_wfdb(tmp_path, "ecg", SIGNAL, 500))
        assert psutil.Process(reader._workers[0]._process.pid).num_threads() == 1


def test_the_child_is_started_again_where_it_was_killed(tmp_path, monkeypatch):
    paths = write_wfdb(tmp_path, "ecg", SIGNAL, 500)
    with IsolatedReader(workers=1) as reader:
        reader.read(paths)
        (worker,) = reader._workers
        os.kill(worker._process.pid, signal.SIGKILL)
        worker._process.wait()
        with monkeypatch.context() as not_noticed:
            not_noticed.setattr(worker._process, "poll", lambda: None)
            with pytest.raises(EcgInputError, match="made its reader crash"):
                reader.read(paths)
        np.testing.assert_array_equal(reader.read(paths)[0].signal, SIGNAL)


def test_one_slow_upload_does_not_hold_the_next(bad_reader, tmp_path):
    reader, say = bad_reader
    paths = write_wfdb(tmp_path, "ecg", SIGNAL, 500)
    for _ in range(2):  # both workers are warm
        reader.read(paths)
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(say, "hang")
        time.sleep(0.2)
        assert reader.read(paths)[0].name == "ecg"
        assert not slow.done()


def test_who_waits_too_long_is_told_that_the_server_is_busy(tmp_path, monkeypatch):
    monkeypatch.setattr(isolated, "_WAIT_S", 0.1)
    paths = write_wfdb(tmp_path, "ecg", SIGNAL, 500)
    with IsolatedReader(workers=1) as reader:
        worker = reader._idle.get()
        with pytest.raises(EcgInputError, match="the server is busy reading other files"):
            reader.read(paths)
        reader._idle.put(worker)
        assert reader.read(paths)


def test_a_stretch_is_cut_in_the_child(tmp_path):
    signal = np.tile(SIGNAL, 3)
    paths = [*write_wfdb(tmp_path, "one", signal, 500), *write_wfdb(tmp_path, "two", -signal, 500)]
    # Too long to be handed over whole, and its stretch is not.
    with IsolatedReader(Limits(values=signal.size)) as reader:
        found = reader.read_stretch(paths, record="two", start_s=12.5, length_s=10)
        np.testing.assert_array_equal(found.signal, -signal[:, 6250:11250])
        assert (found.name, found.sampling_rate, found.format) == ("two", 500, "WFDB")
        with pytest.raises(EcgInputError, match=r"2 ECGs \(one, two\); name one"):
            reader.read_stretch(paths, length_s=10)
        with pytest.raises(EcgInputError, match=r"no record 'three', it has: one, two"):
            reader.read_stretch(paths, record="three", length_s=10)
        with pytest.raises(EcgInputError, match="lasts 30 s"):
            reader.read_stretch(paths, record="two", start_s=30, length_s=10)
        with pytest.raises(EcgInputError, match=r"holds 30,000 samples of 12 leads, expected 15,000 at most"):
            reader.read(paths)
        assert len(reader.read(paths[:2])) == 1


def test_half_an_hour_is_what_one_upload_may_hold():
    assert Limits().values == 12 * 500 * 30 * 60


def test_many_threads_get_their_own_ecg(tmp_path):
    records = []
    for number in range(8):
        (tmp_path / str(number)).mkdir()
        records.append(write_wfdb(tmp_path / str(number), "ecg", SIGNAL * (number + 1), 500))
    with IsolatedReader(workers=2) as reader, ThreadPoolExecutor(8) as threads:
        for _ in range(5):
            for number, ecgs in enumerate(threads.map(reader.read, records)):
                np.testing.assert_allclose(ecgs[0].signal, SIGNAL * (number + 1), atol=1e-6)


def test_memory_of_the_server_stays_flat(tmp_path):
    psutil = pytest.importorskip("psutil")
    paths = write_wfdb(tmp_path, "ecg", np.tile(SIGNAL, 10), 500)  # 2.4 MB an ECG
    server = psutil.Process()
    with IsolatedReader() as reader:
        for _ in range(10):
            reader.read(paths)
        first = server.memory_info().rss
        for _ in range(40):
            reader.read(paths)
        assert server.memory_info().rss - first < 10 << 20
        files = server.num_fds() if hasattr(server, "num_fds") else 0
        reader.read(paths)
        assert not files or server.num_fds() == files


def test_close_ends_the_child_and_removes_its_folder(tmp_path, monkeypatch):
    reader = IsolatedReader()
    reader.read(write_wfdb(tmp_path, "ecg", SIGNAL, 500))
    process, folder = reader._workers[0]._process, reader._folder
    closed, kill = [], os.killpg
    monkeypatch.setattr(os, "killpg", lambda *group: closed.append(process.stdout.closed) or kill(*group))
    reader.close()
    assert closed[0] is False  # closing waits for who reads from it, who waits for the child
    reader.close()
    assert process.poll() is not None
    assert not folder.exists()
    with pytest.raises(RuntimeError, match="closed"):
        reader.read([])


def test_what_is_not_limited_is_said(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    assert unlimited() == ()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert unlimited() == ("memory",)
    monkeypatch.delattr(os, "fork", raising=False)
    assert "processor time" in unlimited()


def test_handover(tmp_path):
    from ecg_files.read import read_ecg_files

    ecgs = read_ecg_files(write_wfdb(tmp_path, "ecg", SIGNAL, 500))
    write_ecgs(tmp_path, ecgs * 2)
    for ecg in read_answer(tmp_path):
        np.testing.assert_array_equal(ecg.signal, SIGNAL)
        assert (ecg.name, ecg.format, ecg.sampling_rate) == ("ecg", "WFDB", 500)
    write_refusal(tmp_path, "a\x1b[2J\nb")
    with pytest.raises(EcgInputError, match=r"^a \[2J b$"):
        read_answer(tmp_path)


@pytest.mark.parametrize(
    "change", [{"samples": 10**12}, {"samples": -5000}, {"sampling_rate": "500"}, {"sampling_rate": -1}, {"samples": 0}]
)
def test_an_answer_that_does_not_fit_is_none(tmp_path, change):
    from ecg_files.read import read_ecg_files

    write_ecgs(tmp_path, read_ecg_files(write_wfdb(tmp_path, "ecg", SIGNAL, 500)))
    answer = Path(tmp_path, "answer.json")
    found = json.loads(answer.read_text())
    found["ecgs"][0] |= change
    answer.write_text(json.dumps(found))
    with pytest.raises(ValueError, match="do not fit"):
        read_answer(tmp_path)


def test_no_thread_is_left(tmp_path):
    paths = write_wfdb(tmp_path, "ecg", SIGNAL, 500)
    with IsolatedReader() as reader:
        for _ in range(5):
            reader.read(paths)
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer) and thread.is_alive()]


def test_without_fork_it_reads_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "pyedflib.py").write_text("import os\n\ndel os.fork\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    paths = write_wfdb(tmp_path, "ecg", SIGNAL, 500)
    with IsolatedReader() as reader:
        for _ in range(3):
            np.testing.assert_array_equal(reader.read(paths)[0].signal, SIGNAL)
        with pytest.raises(EcgInputError, match="there is no file"):
            reader.read([tmp_path / "none.edf"])
