"""A local Hub for each module of this folder."""

from collections.abc import Iterator

import pytest

from tests.hub.hub_server import HubServer


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    with HubServer() as server:
        yield server
