"""Dead letters sent on their way again, many at a time."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from services.ledger.move.batch_state import BatchState
from services.ledger.move.transaction import Transactions
from services.ledger.postgres.postgres import Connection
from services.ledger.read import dead_letter_queries
from services.ledger.rules import operator_actions
from services.ledger.rules.delivery import Delivery
from services.ledger.stores import newest_templates
from services.ledger.stores.paging import DeadLetterFilter
from shared.clock import Clock
from shared.rpc import deadlines

#: Replayed by one call at the most.
MOST = 100_000
#: Replayed in one transaction: few enough not to hold anybody up.
_CHUNK = 1_000
#: No transaction begins with less time than this left to the call, s: its answer must still be given.
_SPARE_SECONDS = 1.0


class Replay(NamedTuple):
    """How many were sent on their way, and when the last of them falls due; None: none was."""

    replayed: int
    last_due_at: dt.datetime | None


class Pace(NamedTuple):
    """One after another from ``begun`` on, ``rate`` in a second; ``place`` counts from 0."""

    begun: dt.datetime
    rate: int
    place: int

    @property
    def due_at(self) -> dt.datetime:
        return self.begun + dt.timedelta(seconds=self.place / self.rate)

    def after(self, places: int) -> Pace:
        return self._replace(place=self.place + places)


class BulkReplay:
    """Replays those of one tenant at a time."""

    def __init__(self, transactions: Transactions, clock: Clock) -> None:
        self._transactions = transactions
        self._clock = clock

    async def replay(self, wanted: DeadLetterFilter, actor: str, rate: int, *, newest: bool = False) -> Replay:
        """Makes them due one after another, ``rate`` in a second, the first to die first.

        ``newest``: each with the newest version of its template, if that is in use.

        Each is replayed by one call only, whoever else calls. Ends after :data:`MOST`, or in time for the answer; what
        is done by then stays done.
        """
        begun = self._clock.now()
        # What is replayed here may die again meanwhile: that is a new death, and none of this call's business.
        soon = begun + dt.timedelta(microseconds=1)
        wanted = wanted._replace(died_before=min(wanted.died_before or soon, soon))
        replayed, last_due_at = 0, None
        while replayed < MOST and deadlines.remaining() > _SPARE_SECONDS:
            dead, left_alone = await self._chunk(wanted, Pace(begun, rate, replayed), actor, newest)
            replayed += len(dead)
            if dead:
                last_due_at = Pace(begun, rate, replayed - 1).due_at
                # The index still holds the graves of those that left: the next look begins behind them.
                wanted = wanted._replace(died_after=dead[-1].died_at)
            if len(dead) + left_alone < _CHUNK or not dead:
                break
        return Replay(replayed, last_due_at)

    async def _chunk(
        self, wanted: DeadLetterFilter, pace: Pace, actor: str, newest: bool
    ) -> tuple[list[Delivery], int]:
        """Replays the first of them, in one transaction; gives them as they were, and how many were left alone."""
        now = self._clock.now()

        async def rules(connection: Connection, held: BatchState) -> tuple[list[Delivery], int]:
            dead = list(held)
            versions = await newest_templates.look_up(connection, [one.ref for one in dead]) if newest else {}
            for place, one in enumerate(dead):
                version = versions.get(one.ref)
                due_at, decided = pace.after(place).due_at, [version.decision] if version else []
                held.take(operator_actions.replay(one, actor, now, due_at, decided))
            await newest_templates.take(connection, versions)
            return dead, len(held.left_alone)

        return await self._transactions.search(dead_letter_queries.hold(wanted, _CHUNK, now), now, rules)
