"""The `meit` command: its arguments, its exit codes, and one line for every error."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import checkpoints
import meit_cli
from dataset_scripts.sources import REGISTRY
from meit_commands import train
from meit_remote.transport import RemoteError
from tests.made_up_ecg import made_up_ecg, write_record


def fails(capsys, *arguments, code=2):
    """Run a command that must fail; returns its one line on stderr."""
    assert meit_cli.main([str(argument) for argument in arguments]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.endswith("\n")
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("meit: error: ")
    return printed.err


@pytest.mark.parametrize("arguments", [["--help"], ["report", "--help"], ["build", "--help"], ["train", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    code = (
        "import sys, meit_cli\n"
        f"try: meit_cli.main({arguments})\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'torch', 'transformers', 'numpy', 'datasets', 'wfdb', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage: meit" in done.stdout


def test_help_names_what_is_there(capsys):
    with pytest.raises(SystemExit):
        meit_cli.main(["build", "--help"])
    text = capsys.readouterr().out
    assert all(source in text for source in REGISTRY)
    with pytest.raises(SystemExit):
        meit_cli.main(["report", "--help"])
    text = capsys.readouterr().out
    assert "runs it" in " ".join(text.split())
    assert "--trust-remote-code" in text
    assert "not a medical device" in " ".join(text.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "COMMAND"),
        (["reprot"], "reprot"),
        (["report"], "record"),
        (["report", "a", "--language", "fr"], "'fr'"),
        (["report", "a", "--language", "de", "--prompt", "x"], "not allowed with"),
        (["build", "ptb-xl"], "--out"),
        (["build", "ptb-xl", "--out", "x", "--num-proc", "0"], "positive whole number"),
        (["build", "ptb-xl", "--out", "x", "--shard", "one"], "expected I/N"),
        (["build", "ptb-xl", "--src", "x", "--out", "x", "--num-records", "5"], "synthetic source"),
        (["train"], "no recipe was given"),
        (["train", "none.yaml"], "there is no recipe"),
        (["eval"], "TASK"),
        (["eval", "quality", "--model", "x"], "--out"),
        (["eval", "score", "none.csv", "--data", "d", "--split", "test"], "none.csv"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(capsys, monkeypatch, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert message in fails(capsys, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_unknown_source_and_missing_table(capsys, tmp_path):
    assert "did you mean 'ptb-xl'" in fails(capsys, "build", "ptbxl", "--out", tmp_path / "out")
    assert "ptbxl_database.csv" in fails(capsys, "build", "ptb-xl", "--src", tmp_path, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def bad_inputs(folder: Path) -> dict[str, tuple[list[object], str]]:
    """name -> arguments of `meit report`, part of the message."""
    for name in ("gone", "cut", "eleven", "zeros", "nothing", "outside", "day"):
        (folder / name).mkdir()
    write_record(folder / "gone")
    (folder / "gone" / "made_up.dat").unlink()
    write_record(folder / "cut")
    data = folder / "cut" / "made_up.dat"
    data.write_bytes(data.read_bytes()[:70001])
    write_record(
        folder / "eleven",
        signal=np.delete(made_up_ecg(), 7, axis=0),
        leads=["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V3", "V4", "V5", "V6"],
    )
    write_record(folder / "zeros", signal=np.zeros((12, 5000)))
    write_record(folder / "nothing", signal=np.full((12, 5000), np.nan))
    write_record(folder / "outside")
    header = folder / "outside" / "made_up.hea"
    header.write_text(header.read_text().replace("made_up.dat", "../cut/made_up.dat"))
    write_record(folder / "day")
    header = folder / "day" / "made_up.hea"
    header.write_text(header.read_text().replace("500 5000", "500 50000000"))
    (folder / "notes.txt").write_text("sinus rhythm\nnormal ecg\n")
    (folder / "notes.hea").write_text("sinus rhythm\nnormal ecg\n")
    np.save(folder / "a.npy", made_up_ecg())
    np.save(folder / "eight.npy", made_up_ecg()[:8])
    leads = "I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5,V6"
    return {
        "missing record": ([folder / "none"], "there is no record"),
        "missing .dat": ([folder / "gone" / "made_up"], "made_up.dat, which is not beside it"),
        "truncated .dat": ([folder / "cut" / "made_up.hea"], "is cut short"),
        "eleven leads": ([folder / "eleven" / "made_up"], "missing V2"),
        "zeros": ([folder / "zeros" / "made_up"], "are flat"),
        "NaN": ([folder / "nothing" / "made_up"], "every sample is missing"),
        "elsewhere": ([folder / "outside" / "made_up"], "only files beside the header"),
        "too long": ([folder / "day" / "made_up"], "24 h at most"),
        "text": ([folder / "notes.txt"], "is no ECG that can be read"),
        "text header": ([folder / "notes"], "is not a WFDB header"),
        "no rate": ([folder / "a.npy", "--leads", leads], "--fs"),
        "no leads": ([folder / "eight.npy", "--fs", "500"], "--leads"),
        "plot ending": ([folder / "a.npy", "--plot", folder / "x.doc"], "unknown ending '.doc'"),
        "plot folder": ([folder / "a.npy", "--plot", folder / "no" / "x.png"], "there is no folder"),
        "no model": (
            [folder / "a.npy", "--fs", "500", "--leads", leads, "--model", "nobody"],
            "no model folder nobody",
        ),
        "empty model": ([folder / "a.npy", "--fs", "500", "--leads", leads, "--model", folder], "no config.json"),
        "Hub id": ([folder / "a.npy", "--fs", "500", "--leads", leads, "--model", "a/b"], "--trust-remote-code"),
    }


def test_bad_input_is_one_line_and_exit_code_2(capsys, tmp_path):
    for name, (arguments, message) in bad_inputs(tmp_path).items():
        assert message in fails(capsys, "report", *arguments), name


def test_the_process_ends_with_the_code_and_the_line(tmp_path):
    (tmp_path / "notes.txt").write_text("sinus rhythm")
    done = subprocess.run(
        [sys.executable, "-m", "meit_cli", "report", str(tmp_path / "notes.txt")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("meit: error: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (KeyboardInterrupt(), 130, "stopped"),
        (OSError(errno.ENOSPC, "No space left on device", "x.png"), 2, "No space left on device: 'x.png'"),
        (ModuleNotFoundError("No module named 'trl'", name="trl"), 2, 'pip install "meit-ecg[train]"'),
        (RuntimeError("two\nlines"), 1, "RuntimeError: two lines"),
        (RemoteError("judge.example refuses the key"), 1, "error: judge.example refuses the key"),
    ],
)
def test_other_failures(capsys, monkeypatch, raised, code, message):
    def fail(_):
        raise raised

    monkeypatch.setattr(train, "_train", fail)
    assert message in fails(capsys, "train", "r.yaml", code=code)


def test_debug_shows_where(capsys, monkeypatch):
    def fail(_):
        raise RuntimeError("here")

    monkeypatch.setattr(train, "_train", fail)
    assert meit_cli.main(["--debug", "train", "r.yaml"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("recipe", "setting", "script"),
    [
        ("seed: 1", "seed=3", "train_sft"),
        ("model: seq2seq", "seed=3", "train_seq2seq"),
        ("model: causal", "model=seq2seq", "train_seq2seq"),
        ("model: seq2seq", "model=causal", "train_sft"),
    ],
)
def test_train_passes_its_arguments_on_to_the_script_the_recipe_names(recipe, setting, script, monkeypatch, tmp_path):
    (tmp_path / "r.yaml").write_text(recipe)
    given = {}
    for name in ("train_sft", "train_seq2seq"):
        main = staticmethod(lambda arguments, name=name: given.update({name: arguments}))
        monkeypatch.setitem(sys.modules, name, type("Script", (), {"main": main}))
    arguments = [str(tmp_path / "r.yaml"), setting, "--bf16", "true"]
    assert meit_cli.main(["train", *arguments]) == 0
    assert given == {script: arguments}


def test_train_without_a_recipe_is_one_line(capsys, tmp_path):
    assert meit_cli.main(["train", str(tmp_path / "none.yaml")]) == 2
    assert capsys.readouterr().err.startswith("meit: error: there is no recipe")


def test_build_synthetic(capsys, tmp_path):
    out = tmp_path / "set"
    build = ["build", "synthetic", "--out", str(out), "--num-records", "30", "--num-proc", "1", "--seed", "3"]
    assert meit_cli.main(build) == 0
    printed = capsys.readouterr().out
    assert "train: " in printed
    assert f"data set written to {out}" in printed
    assert list(out.glob("data/*.parquet"))


def test_shipped_models(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(FileNotFoundError, match="none is in this installation"):
        checkpoints.shipped()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text(json.dumps({}))
    with pytest.raises(FileNotFoundError, match="there are other"):
        checkpoints.shipped()
    assert checkpoints.shipped("other") == tmp_path / "other"
    assert checkpoints.shipped_names() == ["other"]


def test_a_scheduler_may_end_a_build(tmp_path):
    (tmp_path / "tmp").mkdir()
    arguments = ["build", "synthetic", "--out", str(tmp_path / "set"), "--num-records", "100000", "--num-proc", "1"]
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    command = [sys.executable, "-m", "meit_cli", *arguments]
    running = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        if list(tmp_path.glob(".set.partial/drafts/*.part")):
            break
        time.sleep(0.1)
    assert list((tmp_path / "tmp").iterdir())
    running.terminate()
    assert running.communicate(timeout=60)[1].splitlines()[-1] == "meit: error: stopped"
    assert running.returncode == 130
    assert not list((tmp_path / "tmp").iterdir())
    assert not (tmp_path / "set").exists()
