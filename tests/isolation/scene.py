"""Scene: what an attack is given, and where it writes down what it was told."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc.aio
import httpx

from shared.errors import PulseError
from shared.rpc.statuses import from_rpc_error

#: Longest message that a client of ours takes or gives, bytes; the server's own bounds are what is tried.
LONGEST = 64 * 1024 * 1024
#: After a refusal, before it is tried again, s: without it the attack would be on its own processor time.
PAUSE_S = 0.02


@dataclass(frozen=True)
class Target:
    """Where a suite is met, and by which key of the tenant who misbehaves."""

    grpc: str
    http: str
    sandbox: str
    key: str

    def channel(self, address: str = "") -> grpc.aio.Channel:
        """A connection of its own to the gateway, or to another address."""
        options = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_send_message_length", LONGEST),
            ("grpc.max_receive_message_length", LONGEST),
        ]
        return grpc.aio.insecure_channel(address or self.grpc, options=options)

    @property
    def credential(self) -> tuple[tuple[str, str], ...]:
        """Metadata that says who is calling."""
        return (("x-api-key", self.key),)

    def client(self, key: str | None = None) -> httpx.AsyncClient:
        """A caller of the REST API, by another key if given."""
        headers = {"X-API-Key": self.key if key is None else key}
        limits = httpx.Limits(max_connections=None)
        return httpx.AsyncClient(base_url=f"http://{self.http}", headers=headers, timeout=30, limits=limits)


@dataclass
class Scene:
    """One attack under way. ``told`` counts answers: OK, a reason, an HTTP status, or how a connection ended."""

    target: Target
    told: Counter[str] = field(default_factory=Counter)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    #: Distinguishes what this attack makes from what earlier ones made.
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    async def crowd(self, callers: int, call: Callable[[], Awaitable[Any]]) -> None:
        """So many callers, each of which calls again once it is answered; until cancelled."""
        self.begun.set()
        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(self._again(call))

    async def once(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """One call, which is counted; its answer, None for a refusal. One that gives None has counted by itself."""
        async with self.counted():
            answer = await call()
            if answer is not None:
                self.told[f"HTTP {answer.status_code}" if isinstance(answer, httpx.Response) else "OK"] += 1
            return answer
        return None

    @contextlib.asynccontextmanager
    async def counted(self) -> AsyncIterator[None]:
        """Counts whatever refuses or breaks what is done within the block, and goes on after it."""
        try:
            yield
        except grpc.aio.AioRpcError as error:
            self.told[_reason(from_rpc_error(error))] += 1
        except (httpx.HTTPError, OSError) as error:
            self.told[type(error).__name__] += 1

    async def _again(self, call: Callable[[], Awaitable[Any]]) -> None:
        while True:
            if await self.once(call) is None:
                await asyncio.sleep(PAUSE_S)


def _reason(error: PulseError) -> str:
    return error.reason or error.code.name
