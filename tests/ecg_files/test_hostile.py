"""Every hostile upload is answered by one sentence, and leaves nothing behind."""

import tempfile
import unicodedata
from pathlib import Path

import pytest

from dataset_scripts.errors import EcgInputError
from ecg_files.isolated import IsolatedReader
from ecg_files.read import read_ecg_files
from tests.ecg_files.hostile import CASES
from tests.ecg_files.hostile_parts import CANARY, SECRET
from tests.ecg_files.make_files import write_wfdb
from tests.made_up_ecg import made_up_ecg

pytest.importorskip("pyedflib")
pytest.importorskip("pydicom")
pytest.importorskip("ecgdatakit")


@pytest.fixture(scope="module")
def reader():
    with IsolatedReader() as opened:
        yield opened


def tree(folder):
    return sorted(str(path) for path in Path(folder).rglob("*"))


def test_there_are_at_least_forty():
    assert len(CASES) >= 40
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("isolated", [False, True], ids=["direct", "isolated"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_sentence_and_nothing_else(case, isolated, tmp_path, monkeypatch, reader):
    folder = tmp_path / "given"
    folder.mkdir()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    paths = case.write(folder)
    before = tree(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with pytest.raises(EcgInputError) as caught:
        (reader.read if isolated else read_ecg_files)(paths)
    said = str(caught.value)
    assert case.says in said
    assert not [each for each in said if unicodedata.category(each) in ("Cc", "Cf", "Zl", "Zp")]
    assert len(said) <= 600
    assert str(tmp_path) not in said
    assert "meit-" not in said.replace("meit-ecg[formats]", "")
    assert SECRET not in said
    assert tree(tmp_path) == before
    assert not (folder / CANARY).exists()


def test_the_reader_still_reads_after_them(tmp_path, reader):
    paths = write_wfdb(tmp_path, "ecg", made_up_ecg(), 500)
    assert reader.read(paths)[0].signal.shape == (12, 5000)
