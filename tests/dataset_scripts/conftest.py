"""Archives in PTB-XL's layout with made-up content."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fake_ptbxl import write_archive


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
