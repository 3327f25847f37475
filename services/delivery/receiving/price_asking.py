"""Asks providers what they charge for what they have reported on; some say it only later."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from services.delivery.providers.base.receiver import Receiver
from services.delivery.providers.base.threads import TooManyHang
from services.delivery.rules.receipts import Price, Receipt
from shared.errors import PulseError
from shared.observe.logs import logger

#: How long it is waited before each question, s.
PAUSES = (0.5, 10.0, 120.0, 1_800.0)
#: Receipts whose price is waited for; those beyond are not asked about.
MOST = 10_000
#: Questions at a time.
_AT_A_TIME = 4

log = logger(__name__)


class PriceAsking:
    """Goes on beside the reports. What it waits for when the process ends is not asked again."""

    def __init__(self, record: Callable[[Price], Awaitable[None]], pauses: Sequence[float] = PAUSES) -> None:
        self._record = record
        self._pauses = pauses
        self._turns = asyncio.Semaphore(_AT_A_TIME)
        self._tasks: set[asyncio.Task[None]] = set()

    def about(self, receiver: Receiver, receipts: Sequence[Receipt]) -> None:
        """Begins to ask, where the provider tells prices; returns at once."""
        if not receiver.tells_prices:
            return
        for receipt in receipts:
            if len(self._tasks) >= MOST:
                log.warning("prices are not asked for: too many are waited for", most=MOST)
                return
            task = asyncio.create_task(self._ask(receiver, receipt))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Asks no more."""
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _ask(self, receiver: Receiver, receipt: Receipt) -> None:
        for pause in self._pauses:
            await asyncio.sleep(pause)
            try:
                async with self._turns:
                    price = await receiver.price(receipt)
                if price is not None:
                    await self._record(price)
                    return
            except (OSError, TooManyHang, PulseError) as error:
                log.warning("a price could not be had", provider=receipt.provider, kind=type(error).__name__)
