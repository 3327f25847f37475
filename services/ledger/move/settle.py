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
        reads = [SOURCES] if any(settlement.rejection for settlement in batch) else []
        refs = [settlement.ref for settlement in batch]
        return Step(refs, partial(self._decide, batch), reads, remember)

    def _decide(self, batch: Sequence[Settlement], held: BatchState, found: Found, now: dt.datetime) -> BatchResult:
        sources, result = found[SOURCES], BatchResult([], [])
        for one in batch:
            result.add(*self._settle(one, held, sources.get(one.ref), now))
        return result

    def _settle(
        self, settlement: Settlement, held: BatchState, source: Source | None, now: dt.datetime
    ) -> tuple[Settled, Rejected | None]:
        delivery = held.get(settlement.ref)
        if delivery is None:
            return NOTHING, None
        lost = settlement.rejection in _DEVICE_LOST
        rule = partial(
            settlements.decide,
            settlement=settlement,
            now=now,
            policies=self._policies,
            random=self._random,
            another_device=source.another_device(delivery) if lost and source is not None else None,
        )
        applied = held.take(decided(delivery, rule))
        said = settlement.rejection if applied else None
        address = rejected(delivery, source, said, delivery.provider) if said and source is not None else None
        return Settled(applied, held[settlement.ref].status), address
