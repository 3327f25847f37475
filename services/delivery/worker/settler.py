"""Settling: no outcome may be lost while it can still count."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from services.delivery.ledger import HOPELESS
from services.delivery.rules.claim import Round, Settlement
from services.delivery.rules.provider_view import NONE_AVOIDED, Avoided
from shared.errors import Code, PulseError
from shared.observe.logs import logger
from shared.refs import Ref

#: Makes a call to the ledger, here without claims.
Ask = Callable[[Sequence[Settlement], Sequence[Ref], Avoided], Awaitable[Round]]
#: Told of settlements with which nothing more is done.
Done = Callable[[Sequence[Settlement]], None]

FIRST_PAUSE = 0.1  # s, doubled up to:
LONGEST_PAUSE = 1.0
#: How long it is tried after the lease is over, s. Until somebody else claims, the fence is still ours and the outcome
#: still counts: a ledger that was slow for longer than a lease then causes no second sending.
GRACE = 30.0
#: Settlements in one call.
MOST = 500

log = logger(__name__)


class Settler:
    """Ends settlements: those that were answered, and those that failed, once another try was answered or is hopeless.

    Each is tried again until ``grace`` s after the end of its lease, apart from all that has not failed yet. Of several
    that are refused together one may be to blame: each half is tried by itself, until that one is alone.
    """

    def __init__(self, ask: Ask, done: Done, grace: float = GRACE) -> None:
        self._ask = ask
        self._done = done
        self._grace = grace
        self._failed: list[Settlement] = []
        self._halves: list[Sequence[Settlement]] = []  # of what was refused
        self._trying: asyncio.Task[None] | None = None

    @property
    def trying(self) -> asyncio.Task[None] | None:
        """What tries again; None: nothing has to be."""
        return self._trying

    def answered(self, settlements: Sequence[Settlement], applied: Sequence[bool]) -> None:
        """What the ledger did not apply was taken over or will be: it decides what follows."""
        if len(applied) != len(settlements):
            odd = "the ledger answered for another number of settlements"
            self.failed(settlements, PulseError(Code.INTERNAL, "INTERNAL", odd))
            return
        for settlement, was_applied in zip(settlements, applied, strict=True):
            if not was_applied:
                _give_up(settlement, "STALE_FENCE")
        self._done(settlements)

    def failed(self, settlements: Sequence[Settlement], error: PulseError) -> None:
        """Keeps those that are worth another try."""
        timely = [one for one in settlements if self._left(one) > 0]
        if error.code is Code.INVALID_ARGUMENT and len(timely) > 1:
            middle = len(timely) // 2
            self._halves += [timely[:middle], timely[middle:]]
        elif error.code in HOPELESS:
            timely = []
        else:
            self._failed.extend(timely)
        kept = set(map(id, timely))
        given_up = [one for one in settlements if id(one) not in kept]
        for settlement in given_up:
            _give_up(settlement, error.reason)
        if given_up:
            self._done(given_up)
        if (self._failed or self._halves) and self._trying is None:
            self._trying = asyncio.create_task(self._try_again())

    def _left(self, settlement: Settlement) -> float:
        """Seconds in which it may still count."""
        return settlement.claim.lease_until + self._grace - time.monotonic()

    async def _try_again(self) -> None:
        pause = FIRST_PAUSE
        while self._failed or self._halves:
            batch = await self._next(pause)
            try:
                applied, _ = await self._ask(batch, (), NONE_AVOIDED)
            except Exception as error:
                applied = said(error)
            if isinstance(applied, PulseError):
                self.failed(batch, applied)
                pause = min(max(pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
            else:
                self.answered(batch, applied)
                pause = 0.0
        self._trying = None

    async def _next(self, pause: float) -> Sequence[Settlement]:
        """A refused batch's half at once; what failed for another reason after ``pause`` s."""
        if self._halves:
            return self._halves.pop()
        await asyncio.sleep(min(pause, max(0.0, min(map(self._left, self._failed)))))
        batch, self._failed = self._failed[:MOST], self._failed[MOST:]
        return batch


def said(error: Exception) -> PulseError:
    """What a call failed with; of what broke here it is logged, and said that it did."""
    if isinstance(error, PulseError):
        return error
    log.error("a call to the ledger broke", exc_info=error)
    return PulseError(Code.INTERNAL, "INTERNAL", "the call broke")


def _give_up(settlement: Settlement, reason: str) -> None:
    log.warning(
        "settlement not applied",
        notification_id=settlement.claim.notification_id,
        attempt=settlement.claim.attempt,
        outcome=settlement.outcome.kind.name,
        reason=reason,
    )
