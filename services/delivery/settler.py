"""Settling: no outcome may be lost while the lease lasts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from services.delivery.claim import Settlement
from shared.errors import Code, PulseError
from shared.gather import Gatherer
from shared.logs import logger

Settle = Callable[[Sequence[Settlement]], Awaitable[list[bool]]]

#: Codes that another try cannot change.
HOPELESS = frozenset({Code.INVALID_ARGUMENT, Code.UNIMPLEMENTED, Code.PERMISSION_DENIED, Code.UNAUTHENTICATED})
FIRST_PAUSE = 0.1  # s, doubled up to:
LONGEST_PAUSE = 1.0

log = logger(__name__)


class Settler:
    """Settles in batches; while the ledger is away it tries again, until the lease is over."""

    def __init__(self, settle: Settle) -> None:
        self._gatherer: Gatherer[Settlement, bool] = Gatherer(settle, max_batch=500, max_in_flight=1)

    async def settle(self, settlement: Settlement) -> bool:
        """Whether it was applied. If not, the lease has run out or was taken over: the ledger decides what follows."""
        pause = FIRST_PAUSE
        while True:
            try:
                applied = await self._gatherer.submit(settlement)
            except PulseError as error:
                left = settlement.claim.lease_until - time.monotonic()
                if error.code in HOPELESS or left <= 0:
                    return self._give_up(settlement, error.reason)
                await asyncio.sleep(min(pause, left))
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                return applied or self._give_up(settlement, "STALE_FENCE")

    def _give_up(self, settlement: Settlement, reason: str) -> bool:
        log.warning(
            "settlement not applied",
            notification_id=settlement.claim.notification_id,
            attempt=settlement.claim.attempt,
            outcome=settlement.outcome.kind.name,
            reason=reason,
        )
        return False
