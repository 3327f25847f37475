"""Settling: no outcome may be lost while it can still count."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from services.delivery.rules.claim import Settlement
from shared.errors import Code, PulseError
from shared.gather import Gatherer
from shared.observe.logs import logger

Settle = Callable[[Sequence[Settlement]], Awaitable[list[bool]]]

#: Codes that another try cannot change.
HOPELESS = frozenset({Code.INVALID_ARGUMENT, Code.UNIMPLEMENTED, Code.PERMISSION_DENIED, Code.UNAUTHENTICATED})
FIRST_PAUSE = 0.1  # s, doubled up to:
LONGEST_PAUSE = 1.0
#: How long it is tried after the lease is over, s. Until somebody else claims, the fence is still ours and the outcome
#: still counts: a ledger that was slow for longer than a lease then causes no second sending.
GRACE = 30.0
#: Time between two batches, s. Nobody waits for a settlement's answer, and outcomes come in one by one: without it
#: half of all that a busy worker and the ledger do would be batches of one.
PACE = 0.005

log = logger(__name__)


class Settler:
    """Settles in batches; while the ledger is away it tries again, until ``grace`` s after the end of the lease."""

    def __init__(self, settle: Settle, grace: float = GRACE) -> None:
        self._send = settle
        self._grace = grace
        self._gatherer: Gatherer[Settlement, bool] = Gatherer(self._settle_batch, max_batch=500, max_in_flight=1)

    async def settle(self, settlement: Settlement) -> bool:
        """Whether it was applied. If not, the claim was taken over or will be: the ledger decides what follows."""
        pause = FIRST_PAUSE
        while True:
            try:
                applied = await self._gatherer.submit(settlement)
            except PulseError as error:
                left = settlement.claim.lease_until + self._grace - time.monotonic()
                if error.code in HOPELESS or left <= 0:
                    return self._give_up(settlement, error.reason)
                await asyncio.sleep(min(pause, left))
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                return applied or self._give_up(settlement, "STALE_FENCE")

    async def _settle_batch(self, settlements: Sequence[Settlement]) -> list[bool]:
        """The first batch goes at once; what comes in until PACE after it goes in the next."""
        applied = await self._send(settlements)
        await asyncio.sleep(PACE)
        return applied

    def _give_up(self, settlement: Settlement, reason: str) -> bool:
        log.warning(
            "settlement not applied",
            notification_id=settlement.claim.notification_id,
            attempt=settlement.claim.attempt,
            outcome=settlement.outcome.kind.name,
            reason=reason,
        )
        return False
