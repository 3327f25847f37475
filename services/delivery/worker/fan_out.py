"""Fan-out: a notification for several devices, as a part for each, which are sent like any other claims.

So each waits in its provider's line, has a slot, a time and an outcome of its own; together they are settled once, when
the last of them has ended. They end before the lease does, as every claim in a line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from services.delivery.rules.claim import ClaimedNotification, Device, Prepared, Settlement
from services.delivery.rules.provider import Outcome, OutcomeKind

#: What is said of all parts together is said of the first of these that there is.
_TELLING = (
    OutcomeKind.SUCCEEDED,
    OutcomeKind.UNANSWERED,
    OutcomeKind.TRANSIENT_FAILURE,
    OutcomeKind.PERMANENT_FAILURE,
    OutcomeKind.RELEASED,
)


class FanOut:
    """One claim with devices."""

    def __init__(self, claim: ClaimedNotification) -> None:
        self._claim = claim
        self._outcomes: dict[Device, tuple[Outcome, float]] = {}
        self._preparing: asyncio.Task[Prepared] | None = None

    def parts(self) -> Iterator[ClaimedNotification]:
        """The claim for each of its devices."""
        for device in self._claim.devices:
            yield self._claim._replace(provider=device.provider, to=device.token, devices=(device,), whole=self)

    def ended(self, part: Settlement) -> Settlement | None:
        """How the attempt ended, once all parts have; until then None."""
        self._outcomes[part.claim.devices[0]] = part.outcome, part.latency
        if len(self._outcomes) < len(self._claim.devices):
            return None
        devices = [(device, *self._outcomes[device]) for device in self._claim.devices]
        outcome = min((outcome for _, outcome, _ in devices), key=lambda outcome: _TELLING.index(outcome.kind))
        return Settlement(self._claim, outcome, max(latency for _, _, latency in devices), devices)

    async def prepared(self, prepare: Callable[[], Awaitable[Prepared]]) -> Prepared:
        """What ``prepare`` gives, which is asked once for all parts."""
        if self._preparing is None:
            self._preparing = asyncio.ensure_future(prepare())
        return await asyncio.shield(self._preparing)
