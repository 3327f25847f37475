"""A router in this process, in front of a ledger that is played, a real Valkey and Celery's real queues."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
import redis

from proof.planning import make_plan
from pulse.router.v1.router_service_pb2 import SubmitRequest
from pulse.router.v1.router_service_pb2_grpc import RouterServiceStub
from services.router.config import RouterSettings
from services.router.server import Router
from services.router.shared_redis import SharedRedis
from shared.rpc.channels import open_channel
from tests.router.played_ledger import PlayedLedger
from tests.router.queues import Queues
from tests.support import servers


@pytest.fixture
async def ledger() -> AsyncIterator[PlayedLedger]:
    """The router's peer."""
    played = PlayedLedger()
    await played.start()
    try:
        yield played
    finally:
        await played.stop()


@pytest.fixture
def settings(ledger: PlayedLedger, valkey_url: str, broker_url: str) -> Callable[..., RouterSettings]:
    """Makes settings for a router between the test's servers; a test changes what it is about."""

    def make(**changes: Any) -> RouterSettings:
        values = {
            "listen": "127.0.0.1:0",
            "ledger_address": ledger.address,
            "redis_url": valkey_url,
            "broker_url": broker_url,
            "router_limiter_timeout_seconds": "0.2",  # a loaded test machine is not an outage
            "router_sweep_seconds": "0.1",
            "router_redispatch_after_seconds": "0.5",
            **changes,
        }
        return RouterSettings.load({f"PULSE_{name.upper()}": str(value) for name, value in values.items()})

    return make


#: Makes the edge to a Redis as :class:`SharedRedis` is made.
Edges = Callable[..., SharedRedis]


@pytest.fixture
async def edges() -> AsyncIterator[Edges]:
    """Edges to a Redis that are closed when the test ends."""
    made: list[SharedRedis] = []

    def make(*args: Any, **kwargs: Any) -> SharedRedis:
        made.append(SharedRedis(*args, **kwargs))
        return made[-1]

    yield make
    for one in made:
        await one.close()


class RouterUnderTest:
    """A running router and a stub to call it with."""

    def __init__(self, router: Router, channel: grpc.aio.Channel) -> None:
        self.router: Router | None = router
        self.stub = RouterServiceStub(channel)

    async def stop(self) -> None:
        """Stops it, if it has not been."""
        router, self.router = self.router, None
        if router is not None:
            await router.stop()

    async def submit(self, *submissions: Any) -> list[Any]:
        """The results of one batch."""
        response = await self.stub.Submit(SubmitRequest(submissions=submissions), timeout=10)
        return list(response.results)


@pytest.fixture
async def run_router(settings: Callable[..., RouterSettings]) -> AsyncIterator[Callable[..., Any]]:
    """Starts routers with changed settings; they are stopped at the end."""
    async with contextlib.AsyncExitStack() as stack:

        async def run(**changes: Any) -> RouterUnderTest:
            router = Router(settings(**changes))
            await router.start()
            channel = open_channel(f"127.0.0.1:{router.port}")
            stack.push_async_callback(channel.close)
            under_test = RouterUnderTest(router, channel)
            stack.push_async_callback(under_test.stop)
            return under_test

        yield run


@pytest.fixture
def queues(broker_url: str) -> Iterator[Queues]:
    """What stands in Celery's queues."""
    with Queues(broker_url) as seen:
        yield seen


class OwnValkey:
    """A Valkey of the test's own, to be stopped, frozen and started at will on one port."""

    def __init__(self, folder: Path) -> None:
        self._plan = make_plan(folder)
        self._stack = contextlib.ExitStack()
        self.url = self._plan.redis_url(0).removesuffix("/0")

    def start(self) -> None:
        """Starts it, empty."""
        self._stack.enter_context(servers.valkey_server(self._plan))

    def stop(self) -> None:
        """Ends it; what it held is lost."""
        self._stack.close()

    def kill(self) -> None:
        """Ends it without a word; what it held is lost."""
        os.kill(self._process(), signal.SIGKILL)
        self._stack.close()

    def _process(self) -> int:
        with redis.Redis.from_url(self.url) as client:
            return int(client.info("server")["process_id"])

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Within the block it neither answers nor goes away."""
        process = self._process()
        os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process, signal.SIGCONT)


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[OwnValkey]:
    """Running; ended at the test's end."""
    server = OwnValkey(tmp_path)
    server.start()
    try:
        yield server
    finally:
        server.stop()
