"""A provider whose library blocks: its calls run in threads of their own."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from services.delivery.providers.base import Outcome, Outgoing


class BlockingProvider(Protocol):
    """As :class:`services.delivery.providers.base.Provider`, in blocking calls, from several threads at once."""

    @property
    def name(self) -> str: ...

    @property
    def channel(self) -> str: ...

    @property
    def concurrency(self) -> int: ...

    def send(self, outgoing: Outgoing, deadline: float) -> Outcome: ...

    def close(self) -> None: ...


class ThreadedProvider:
    """Runs a blocking provider in as many threads as it has calls at once; threads start when first needed."""

    def __init__(self, blocking: BlockingProvider) -> None:
        self._blocking = blocking
        self.name = blocking.name
        self.channel = blocking.channel
        self.concurrency = blocking.concurrency
        self._threads = ThreadPoolExecutor(blocking.concurrency, thread_name_prefix=f"provider-{blocking.name}")

    async def send(self, outgoing: Outgoing, deadline: float) -> Outcome:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._blocking.send, outgoing, deadline)

    async def close(self) -> None:
        """Does not wait for a thread that is stuck in a call."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._blocking.close()
