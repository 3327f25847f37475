"""A gateway to call, and both clients to call it with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from pulse_client import AsyncClient, Client
from tests.client.fake_gateway import FakeGateway


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    gateway = FakeGateway()
    gateway.start()
    yield gateway
    gateway.stop()


@pytest.fixture
def client(gateway: FakeGateway) -> Iterator[Client]:
    with Client(gateway.address, api_key="secret") as client:
        yield client


@pytest.fixture
async def aio_client(gateway: FakeGateway) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(gateway.address) as client:
        yield client
