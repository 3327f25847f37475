"""How a gateway is reached: encrypted or not, and for how long it is tried."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from pulse_client import AsyncClient, Client, PulseError
from pulse_client.follow import LONGEST_PAUSE_S, MOST_FAILURES, Follow
from tests.client import certificate
from tests.client.fake_gateway import FakeGateway
from tests.support.http_proxy import CountingProxy


@pytest.fixture
def encrypted() -> Iterator[tuple[str, bytes]]:
    """A gateway's address and the certificate it shows."""
    pem, credentials = certificate.make()
    gateway = FakeGateway(credentials=credentials)
    gateway.start()
    yield gateway.address, pem
    gateway.stop()


async def test_tls_takes_authorities_of_ones_own(encrypted: tuple[str, bytes]) -> None:
    address, pem = encrypted
    with Client(address, tls=pem) as client:
        assert client.queue_depths()
    async with AsyncClient(address, tls=grpc.ssl_channel_credentials(pem)) as client:
        assert await client.queue_depths()


def test_tls_trusts_nobody_that_the_system_does_not(encrypted: tuple[str, bytes]) -> None:
    with Client(encrypted[0], tls=True) as client, pytest.raises(PulseError, match="UNREACHABLE"):
        client.queue_depths()


def away(code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE) -> PulseError:
    return PulseError(code, "R", "m")


def test_pauses_between_streams_grow_to_a_bound_and_end() -> None:
    follow = Follow("id", 0, None)
    pauses = [follow.pause(away()) for _ in range(MOST_FAILURES)]
    assert all(0 <= pause <= min(LONGEST_PAUSE_S, 0.1 * 2**n) for n, pause in enumerate(pauses, start=1))
    with pytest.raises(PulseError):
        follow.pause(away())


def test_only_an_unavailable_gateway_is_watched_again() -> None:
    with pytest.raises(PulseError):
        Follow("id", 0, None).pause(away(grpc.StatusCode.INTERNAL))


@pytest.fixture
def by_proxy(gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingProxy]:
    """Named by the environment, for everything; it leads to the gateway."""
    with CountingProxy(int(gateway.address.rpartition(":")[2])) as proxy:
        for name, value in proxy.environment.items():
            monkeypatch.setenv(name, value)
        yield proxy


async def test_no_proxy_is_used_unless_asked_for(by_proxy: CountingProxy, gateway: FakeGateway) -> None:
    with Client(gateway.address) as client:
        assert client.queue_depths()
    async with AsyncClient(gateway.address) as client:
        assert await client.queue_depths()
    assert by_proxy.asked == []


async def test_where_it_is_asked_for_the_proxy_is_used(by_proxy: CountingProxy) -> None:
    with Client("gateway.example:50051", proxy=True) as client:
        assert client.queue_depths()
    async with AsyncClient("aio.example:50051", proxy=True) as client:
        assert await client.queue_depths()
    assert [line.split()[:2] for line in by_proxy.asked] == [
        ["CONNECT", "gateway.example:50051"],
        ["CONNECT", "aio.example:50051"],
    ]


async def test_what_no_proxy_names_is_spared(
    by_proxy: CountingProxy, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.0/8")
    with Client(gateway.address, proxy=True) as client:
        assert client.queue_depths()
    assert by_proxy.asked == []
