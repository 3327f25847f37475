"""What waits to be sent taken back, many at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import partial

from services.ledger.move.batch_state import BatchState
from services.ledger.move.transaction import Found, Transactions, close_digests
from services.ledger.postgres.postgres import Postgres
from services.ledger.read import reader, waiting_queries
from services.ledger.rules import operator_actions
from services.ledger.rules.delivery import Ref
from services.ledger.rules.states import WAITING
from services.ledger.stores.paging import WaitingFilter
from shared.rpc import deadlines

#: Taken back by one call at the most.
MOST = 100_000
#: Taken back in one transaction: few enough not to hold anybody up.
_CHUNK = 500
#: No transaction begins with less time than this left to the call, s: its answer must still be given.
_SPARE_SECONDS = 1.0


class BulkCancel:
    """Takes back those of one tenant at a time."""

    def __init__(self, postgres: Postgres, transactions: Transactions) -> None:
        self._postgres = postgres
        self._transactions = transactions

    async def count(self, wanted: WaitingFilter) -> int:
        """How many wait."""
        ((count,),) = await self._postgres.search(partial(reader.fetched, waiting_queries.count(wanted)))
        return int(count)

    async def cancel(self, wanted: WaitingFilter, actor: str) -> int:
        """Takes back each with an event of its own; how many.

        Ends after :data:`MOST`, or in time for the answer; what is done by then stays done.
        """
        cancelled = 0
        while cancelled < MOST and deadlines.remaining() > _SPARE_SECONDS:
            found = await self._postgres.search(partial(reader.fetched, waiting_queries.ids(wanted, _CHUNK)))
            done = await self._take_back([(wanted.tenant_id, row[0]) for row in found], actor) if found else 0
            cancelled += done
            # Those that another release alone understands, or that are just being claimed, are found again and again.
            if len(found) < _CHUNK or not done:
                break
        return cancelled

    async def _take_back(self, refs: Sequence[Ref], actor: str) -> int:
        def rules(held: BatchState, _: Found, now: dt.datetime) -> int:
            waiting = [delivery for delivery in held if delivery.status in WAITING]
            return sum(held.take(operator_actions.cancel(delivery, actor, now)) for delivery in waiting)

        return await self._transactions.run(refs, rules, finish=close_digests, ask_for_tellers=True)
