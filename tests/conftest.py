"""Options and fixtures for all tests: the network is off, real archives come by option."""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything imports huggingface_hub
if "PYTEST_XDIST_WORKER" in os.environ:
    # Before anything imports torch: processes beside each other, each with a thread for every core, take twice as long.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--ptbxl", metavar="DIR", help="unpacked PTB-XL (or set MEIT_PTBXL); without it those tests skip")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "ptbxl_dir" in getattr(item, "fixturenames", ()):
            item.add_marker("real")


@pytest.fixture(scope="session")
def ptbxl_dir(request: pytest.FixtureRequest) -> Path:
    """The folder of the real PTB-XL."""
    given = request.config.getoption("--ptbxl") or os.environ.get("MEIT_PTBXL")
    if not given:
        pytest.skip("needs the real PTB-XL: pytest --ptbxl DIR, or MEIT_PTBXL=DIR")
    if not (Path(given) / "ptbxl_database.csv").is_file():
        pytest.fail(f"--ptbxl {given}: no ptbxl_database.csv there")
    return Path(given)
