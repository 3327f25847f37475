"""Settlements: how attempts ended, as workers say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import partial

from services.ledger.move.address_rejections import SOURCES, Rejected, Source, rejected
from services.ledger.move.batch_state import BatchState, decided
from services.ledger.move.settled import NOTHING, BatchResult, Settled, remember
from services.ledger.move.transaction import Found, Step, Transactions
from services.ledger.rules import settlements
from services.ledger.rules.delivery import Delivery
from services.ledger.rules.recipients import Rejection
from services.ledger.rules.retry import Random, RetryPolicies
from services.ledger.rules.settlements import Settlement

#: Of a push after these: it may go to another device.
_DEVICE_LOST = frozenset({Rejection.GONE, Rejection.REFUSED})


class Settler:
    """Ends attempts; what may be tried again is, by the retry policies."""

    def __init__(self, transactions: Transactions, policies: RetryPolicies, random: Random) -> None:
        self._transactions = transactions
        self._policies = policies
        self._random = random

    async def settle(self, batch: Sequence[Settlement]) -> list[Settled]:
        """What became of each settlement, in their order."""
        result: BatchResult
        (result,) = await self._transactions.run_all([self.step(batch)])
        return result.settled

    def step(self, batch: Sequence[Settlement]) -> Step[BatchResult]:
        """The same, as a step of a transaction."""
        reads = [SOURCES] if any(settlement.rejects for settlement in batch) else []
        refs = [settlement.ref for settlement in batch]
        return Step(refs, partial(self._decide, batch), reads, remember)

    def _decide(self, batch: Sequence[Settlement], held: BatchState, found: Found, now: dt.datetime) -> BatchResult:
        sources, result = found[SOURCES], BatchResult([], [])
        for one in batch:
            settled, rejected_addresses = self._settle(one, held, sources.get(one.ref), now)
            result.add(settled, *rejected_addresses)
        return result

    def _settle(
        self, settlement: Settlement, held: BatchState, source: Source | None, now: dt.datetime
    ) -> tuple[Settled, Sequence[Rejected]]:
        delivery = held.get(settlement.ref)
        if delivery is None:
            return NOTHING, ()
        rule = partial(
            settlements.decide,
            settlement=settlement,
            now=now,
            policies=self._policies,
            random=self._random,
            another_device=_another_device(settlement, source, delivery),
        )
        applied = held.take(decided(delivery, rule))
        rejects = _rejected(settlement, source, delivery) if applied and source is not None else ()
        return Settled(applied, held[settlement.ref].status), rejects


def _another_device(settlement: Settlement, source: Source | None, delivery: Delivery) -> bool | None:
    """Whether a push can go to a device that this attempt did not go to; None: that is not asked, or not known."""
    if source is None:
        return None
    if settlement.devices:
        return bool({*source.devices} - {one.device_token_id for one in settlement.devices})
    return source.another_device(delivery) if settlement.rejection in _DEVICE_LOST else None


def _rejected(settlement: Settlement, source: Source, delivery: Delivery) -> list[Rejected]:
    """What follows from what providers said of addresses."""
    if settlement.devices:
        gone = [one.device_token_id for one in settlement.devices if one.gone]
        return [Rejected(source.tenant_id, source.user_id, None, device) for device in gone]
    said = settlement.rejection and rejected(delivery, source, settlement.rejection, delivery.provider)
    return [said] if said else []
