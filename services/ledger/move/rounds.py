"""Rounds: a worker says how attempts ended and is given what it may send next, in one transaction where that is right.

Neither loses the other: what cannot be done together is done one after the other, each with an error of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Sequence
from typing import Any, NamedTuple, TypeVar

from services.ledger.move.claim import Claimant, Claimed, Claimer
from services.ledger.move.settle import Settler
from services.ledger.move.settled import Settled
from services.ledger.move.transaction import Step, Transactions
from services.ledger.rules.delivery import Outcome, Ref
from services.ledger.rules.settlements import Settlement
from shared.errors import Code, PulseError
from shared.observe.logs import logger

Result = TypeVar("Result")

#: PostgreSQL is away, or there is no time left: it would be the same for each alone.
_FOR_BOTH = frozenset({Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED})

log = logger(__name__)


class Round(NamedTuple):
    """What became of each settlement, in their order, and what was claimed."""

    settled: Sequence[Settled] | PulseError
    claimed: Claimed | PulseError


class Rounds:
    """Settles first, so that what one attempt showed counts for the next."""

    def __init__(self, transactions: Transactions, settler: Settler, claimer: Claimer) -> None:
        self._transactions = transactions
        self._settler = settler
        self._claimer = claimer

    async def run(self, batch: Sequence[Settlement], refs: Collection[Ref], claimant: Claimant) -> Round:
        """Raises UNAVAILABLE or DEADLINE_EXCEEDED if nothing of it was done."""
        if _may_be_one(batch, refs):
            try:
                return await self._at_once(batch, refs, claimant)
            except Exception as error:
                if isinstance(error, PulseError) and error.code in _FOR_BOTH:
                    raise
                log.warning("settled and claimed one after the other", error=type(error).__name__)
        settled = await _or_error(self._settler.settle(batch))
        return Round(settled, await _or_error(self._claimer.claim(refs, claimant)))

    async def _at_once(self, batch: Sequence[Settlement], refs: Collection[Ref], claimant: Claimant) -> Round:
        steps: list[Step[Any]] = [self._settler.step(batch), self._claimer.step(refs, claimant)]
        result, claimed = await self._transactions.run_all(steps)
        return Round(result.settled, claimed)


def _may_be_one(batch: Sequence[Settlement], refs: Collection[Ref]) -> bool:
    """Not where a claim reads what a settlement of the same transaction writes: on addresses, or on what it claims."""
    said = any(one.rejection or one.ending.outcome is Outcome.PERMANENT_FAILURE for one in batch)
    return not said and {one.ref for one in batch}.isdisjoint(refs)


async def _or_error(work: Awaitable[Result]) -> Result | PulseError:
    try:
        return await work
    except PulseError as error:
        return error
    except Exception as error:
        log.error("unexpected error", exc_info=error)
        return PulseError(Code.INTERNAL, "INTERNAL", "something went wrong in Pulse; it was logged")
