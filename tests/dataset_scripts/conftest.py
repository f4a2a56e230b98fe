"""Archives with made-up content, in PTB-XL's layout and in the PhysioNet Challenges'."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fake_ptbxl import write_archive

from dataset_scripts.simulation.archives.challenge import write_challenge
from dataset_scripts.sources.cinc import SUBSETS


@pytest.fixture(scope="session")
def shared_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty records at 100 Hz; not to be changed."""
    return write_archive(tmp_path_factory.mktemp("ptb-xl"), records=40)


@pytest.fixture(scope="session")
def small_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four records at 100 and 500 Hz; not to be changed."""
    return write_archive(tmp_path_factory.mktemp("ptb-xl"), records=4, rates=(100, 500))


@pytest.fixture
def archive(small_archive: Path, tmp_path: Path) -> Path:
    """A copy of the small archive, for a test to damage."""
    return Path(shutil.copytree(small_archive, tmp_path / "ptb-xl"))


@pytest.fixture(scope="session")
def every_subset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two records of every archive of the Challenges, PTB-XL's with them; not to be changed."""
    root = tmp_path_factory.mktemp("challenge")
    for subset in SUBSETS:
        write_challenge(root / "a" / subset, 2, subset)
    return root


@pytest.fixture
def georgia(tmp_path: Path) -> Path:
    """Three records of Georgia's, for a test to damage."""
    return write_challenge(tmp_path / "georgia", 3)
