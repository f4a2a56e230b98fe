"""Clients at once: every answer is its own ECG's, and memory stays where it was. benchmarks/serving.py is the same."""

import pytest

from benchmarks import serving


@pytest.mark.slow
def test_clients_at_once():
    found = serving.measure(clients=4, requests=10, ecgs=12)
    assert found.errors == []
    assert found.mixed == 0
    assert found.distinct >= 6
    assert len(found.load_s) == 40
    assert found.memory_mb[-1] - found.memory_mb[1] < 60
    assert len(found.table().splitlines()) == 11
