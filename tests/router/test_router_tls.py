"""Servers behind TLS: only a certificate from a known authority, for the right name, is believed."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from services.router.dispatch.celery_queue import BrokerUnavailableError, CeleryQueue
from services.router.shared_redis import RedisUnavailableError, SharedRedis
from shared.broker import QUEUES, celery_app
from tests.support import eventually
from tests.support.certificates import Authority
from tests.support.far_link import far_link

NOT_BELIEVED = "its certificate is not believed"


async def publish(url: str) -> None:
    """By the router's way to the broker."""
    queue = CeleryQueue(celery_app(url), QUEUES["LOW"])
    try:
        await asyncio.to_thread(queue.publish, [("acme", str(uuid.uuid4()))], {})
        assert await asyncio.to_thread(queue.depth) == 1
    finally:
        await asyncio.to_thread(queue.close)


async def limit(url: str) -> None:
    """By the limiter's way to Redis."""
    redis = SharedRedis(url, timeout=1, connect_seconds=5)
    try:
        assert await redis.run(redis.script("return 1"), [], []) == 1
    finally:
        await redis.close()


Client = Callable[[str], Awaitable[None]]
CLIENTS = pytest.mark.parametrize("client", [publish, limit])


class Servers:
    """Valkey behind TLS with a certificate for ``name``, from an authority that is written to ``trusted``."""

    def __init__(self, valkey_url: str, authority: Authority, stranger: Authority) -> None:
        self._valkey = urlsplit(valkey_url)
        self._authority = authority
        self._stranger = stranger
        self.trusted = quote(str(authority.file))

    @contextlib.asynccontextmanager
    async def serving(self, name: str = "127.0.0.1", *, by_stranger: bool = False) -> AsyncIterator[str]:
        tls = (self._stranger if by_stranger else self._authority).server(name)
        async with far_link(self._valkey.port or 0, tls=tls) as link:
            yield f"rediss://:{self._valkey.password}@127.0.0.1:{link.port}/1"


@pytest.fixture
def servers(valkey_url: str, tmp_path: Path) -> Servers:
    return Servers(valkey_url, Authority(tmp_path), Authority(tmp_path, "stranger"))


@CLIENTS
async def test_a_certificate_of_a_known_authority_is_believed(servers: Servers, client: Client) -> None:
    async with servers.serving() as url:
        await client(f"{url}?ssl_ca_certs={servers.trusted}")


@CLIENTS
@pytest.mark.parametrize("query", ["", "?ssl_cert_reqs=required", "?ssl_ca_certs={trusted}", "?ssl_cert_reqs=optional"])
async def test_that_of_a_stranger_is_not(servers: Servers, client: Client, query: str) -> None:
    async with servers.serving(by_stranger=True) as url:
        with pytest.raises((BrokerUnavailableError, RedisUnavailableError), match=NOT_BELIEVED):
            await client(url + query.format(trusted=servers.trusted))


@CLIENTS
async def test_that_for_another_name_is_not_unless_names_are_not_checked(servers: Servers, client: Client) -> None:
    async with servers.serving("valkey.example.org") as url:
        with pytest.raises((BrokerUnavailableError, RedisUnavailableError), match=NOT_BELIEVED):
            await client(f"{url}?ssl_ca_certs={servers.trusted}")
        await client(f"{url}?ssl_ca_certs={servers.trusted}&ssl_check_hostname=false")


@CLIENTS
async def test_any_is_believed_where_the_address_says_so(servers: Servers, client: Client) -> None:
    async with servers.serving("valkey.example.org", by_stranger=True) as url:
        await client(f"{url}?ssl_cert_reqs=none")


@pytest.mark.parametrize(
    ("name", "by_stranger", "query", "believed"),
    [
        ("127.0.0.1", False, "?ssl_ca_certs={trusted}", True),
        ("127.0.0.1", True, "?ssl_ca_certs={trusted}", False),
        ("127.0.0.1", True, "", False),
        ("rabbit.example.org", False, "?ssl_ca_certs={trusted}", False),
        ("rabbit.example.org", False, "?ssl_ca_certs={trusted}&ssl_check_hostname=false", True),
        ("rabbit.example.org", True, "?ssl_cert_reqs=none", True),
    ],
)
async def test_amqps_verifies_as_well(tmp_path: Path, name: str, by_stranger: bool, query: str, believed: bool) -> None:
    """No RabbitMQ is needed: who believes a certificate sends AMQP's first bytes."""
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    first_bytes: list[bytes] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first_bytes.append(await reader.read(8))
        writer.close()

    tls: ssl.SSLContext = (stranger if by_stranger else authority).server(name)
    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    url = f"amqps://127.0.0.1:{server.sockets[0].getsockname()[1]}//" + query.format(trusted=quote(str(authority.file)))
    with pytest.raises(BrokerUnavailableError) as refused:
        await publish(url)
    server.close()
    if believed:
        await eventually(lambda: any(one.startswith(b"AMQP") for one in first_bytes))
    else:
        assert NOT_BELIEVED in str(refused.value)
        assert not any(first_bytes)
