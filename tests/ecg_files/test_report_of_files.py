"""`meit report` and the shipped model on files of every format."""

import json

import numpy as np
import pytest

import meit_cli
from checkpoints import shipped
from dataset_scripts.instructions.prompts import draw_prompt
from ecg_files.read import read_ecg_file, read_ecg_files
from meit_report import write_report
from tests.ecg_files.make_files import write_all, write_csv, write_edf
from tests.made_up_ecg import made_up_ecg

pytest.importorskip("pyedflib")
pytest.importorskip("pydicom")
pytest.importorskip("ecgdatakit")


@pytest.fixture(scope="module")
def example():
    return read_ecg_file("examples/inferior_infarction.hea")


@pytest.mark.slow
def test_the_report_is_the_same_for_all_formats(example, tmp_path):
    written = {}
    for kind, paths in write_all(tmp_path, example.signal, 500).items():
        (ecg,) = read_ecg_files(paths, fs=500)
        written[kind] = write_report(ecg, str(shipped()), draw_prompt("", "en")).text
    assert len(written) == 9
    assert set(written.values()) == {write_report(example, str(shipped()), draw_prompt("", "en")).text}


def test_unit_and_start(tmp_path, capsys):
    """The rate, unit and start of a table from the command line; what was assumed is said beside the report."""
    long = np.hstack([made_up_ecg(), made_up_ecg()]) * 1000
    path = write_csv(tmp_path / "a.csv", long)
    command = ["report", str(path), "--fs", "500", "--unit", "uV", "--start", "10", "--json"]
    assert meit_cli.main(command) == 0
    found = capsys.readouterr()
    report = json.loads(found.out)
    assert report["duration_s"] == 10
    assert report["notes"] == []
    assert meit_cli.main([*command[:4], "--unit", "mV"]) == 2
    assert "under 50 mV" in capsys.readouterr().err
    assert meit_cli.main([*command[:6], "--start", "20"]) == 2
    assert "lasts 20 s, and the start asked for is 20 s" in capsys.readouterr().err


def test_notes_are_printed(tmp_path, capsys):
    others = {"Resp": (np.zeros(250, "<i2"), 25, "Ohm")}
    path = write_edf(tmp_path / "a.edf", made_up_ecg(), 500, others=others)
    assert meit_cli.main(["report", str(path)]) == 0
    assert "meit: note: 1 other channel is left out: Resp." in capsys.readouterr().err
