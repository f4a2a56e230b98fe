"""A local Hub for each module of this folder, and data sets to publish."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.hub_server import HubServer


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    with HubServer() as server:
        yield server


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An archive whose signals may be published and one whose may not; not to be changed."""
    from dataset_scripts.simulation.archives.mimic_iv_ecg import write_mimic_iv_ecg
    from tests.dataset_scripts.fake_ptbxl import write_archive

    folder = tmp_path_factory.mktemp("archives")
    return {
        "ptb-xl": write_archive(folder / "ptb-xl", records=40),
        "mimic-iv-ecg": write_mimic_iv_ecg(folder / "mimic-iv-ecg", 40, pool=4),
    }


@pytest.fixture(scope="session")
def built(archives: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of each archive, in a folder of its name; not to be changed."""
    from dataset_scripts.build import build

    folder = tmp_path_factory.mktemp("built")
    for name, archive in archives.items():
        build(name, archive, folder / name, num_proc=1)
    return folder
