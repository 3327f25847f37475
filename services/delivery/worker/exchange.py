"""Exchange: tells the ledger how this worker sees its providers, and learns how all do, once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from services.delivery.rules.breakers import Breakers
from services.delivery.rules.provider_view import Directive, ProviderView
from shared.errors import PulseError
from shared.observe.logs import logger
from shared.repeating import repeat

#: Between two exchanges, s.
PACE = 1.0

Exchange = Callable[[Sequence[ProviderView]], Awaitable[Sequence[Directive]]]

log = logger(__name__)


class StateExchange:
    """While the ledger is away the worker goes by its own experience and by what operators decided last."""

    def __init__(self, exchange: Exchange, breakers: Breakers, pace: float = PACE) -> None:
        self._exchange = exchange
        self._breakers = breakers
        self._pace = pace
        self._away = False
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins at once, in the running loop."""
        self._running = asyncio.create_task(repeat("exchanging provider states", self._once, self._pace))

    async def stop(self) -> None:
        """Ends it."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})

    async def _once(self) -> None:
        try:
            self._breakers.follow(await self._exchange(self._breakers.views()))
        except PulseError as error:
            if not self._away:
                log.warning("provider states not exchanged", reason=error.reason)
            self._away = True
        else:
            self._away = False
