"""Good files with random damage: each is read, or refused by one sentence; no other error, no crash."""

import numpy as np
import pytest

from dataset_scripts.errors import EcgInputError
from ecg_files.read import read_ecg_files
from tests.ecg_files.hostile_parts import good_files
from tests.ecg_files.test_formats_agree import FORMATS

pytest.importorskip("pyedflib")
pytest.importorskip("pydicom")
pytest.importorskip("ecgdatakit")


def damaged(content: bytes, draw: np.random.Generator) -> bytes:
    """Some bytes changed (most of them in the header), a stretch left out, doubled, or exchanged for noise."""
    changed = bytearray(content)
    head = len(changed) if draw.random() < 0.3 else min(len(changed), 4000)
    for _ in range(int(draw.integers(1, 6))):
        at = int(draw.integers(min(head, len(changed))))
        what = draw.integers(4)
        length = int(draw.integers(1, 40))
        if what == 0:
            changed[at] = draw.integers(256)
        elif what == 1:
            del changed[at : at + length]
        elif what == 2:
            changed[at:at] = changed[at : at + length]
        else:
            changed[at : at + length] = draw.choice([b"0", b"9", b"-", b"\xff", b"\0", b" "]) * length
    return bytes(changed)


def read_damaged(kind, folder, seed):
    draw = np.random.default_rng(seed)
    paths = good_files(folder, kind)
    path = paths[0]
    path.write_bytes(damaged(path.read_bytes(), draw))
    try:
        return read_ecg_files(paths, fs=500)
    except EcgInputError:
        return []


@pytest.mark.parametrize("kind", FORMATS)
def test_random_damage(kind, tmp_path):
    read = sum(bool(read_damaged(kind, tmp_path, seed)) for seed in range(40))
    assert read < 40


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_much_random_damage(kind, tmp_path):
    for seed in range(40, 1000):
        read_damaged(kind, tmp_path, seed)
