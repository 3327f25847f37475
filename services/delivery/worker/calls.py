"""Calls to one provider that are under way, each of which is settled once: by its end, or when it is overdue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from services.delivery.rules.claim import ClaimedNotification, Settlement
from services.delivery.rules.provider import Outcome, unanswered
from services.delivery.spans import called
from shared.observe.tracing import Span


class Calls:
    """One timer for all of them: they are given up in the order in which they began, ``longest`` s later."""

    def __init__(self, settle: Callable[[Settlement], None], longest: float) -> None:
        self._settle = settle
        self._longest = longest
        self._under_way: dict[Call, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, claim: ClaimedNotification, span: Span) -> Call:
        """A call begins now."""
        call = Call(claim, self._settle, span)
        self._under_way[call] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._longest, self._give_up_overdue)
        return call

    def forget(self, call: Call) -> None:
        """The provider has returned from it."""
        self._under_way.pop(call, None)

    def _give_up_overdue(self) -> None:
        self._timer = None
        now = time.monotonic()
        for call in list(self._under_way):
            left = call.began + self._longest - now
            if left > 0:
                self._timer = asyncio.get_running_loop().call_later(left, self._give_up_overdue)
                return
            self.forget(call)
            call.end(unanswered("CALL_OVERDUE", "the provider did not answer in time"))


class Call:
    """One of them."""

    __slots__ = ("_claim", "_settle", "_settled", "_span", "began")

    def __init__(self, claim: ClaimedNotification, settle: Callable[[Settlement], None], span: Span) -> None:
        self._claim = claim
        self._span = span
        self._settle = settle
        self._settled = False
        #: Of ``time.monotonic()``.
        self.began = time.monotonic()

    def end(self, outcome: Outcome) -> None:
        """Settles it, unless that was done."""
        if not self._settled:
            self._settled = True
            called(self._span, self._claim, outcome.code)
            self._settle(Settlement(self._claim, outcome, time.monotonic() - self.began))
