"""Draws what is due for dispatch, so that tenants that wait take turns by their weights."""

from __future__ import annotations

import datetime as dt
import json
import operator
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from services.ledger.draw.bounded_providers import BoundedProviders
from services.ledger.draw.draw_statements import DRAW, FLOWS, IN_ORDER, MOST_FLOWS
from services.ledger.draw.fair_share import Flow, next_in_line, share
from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.rules.delivery import Lane, Ref
from shared.clock import Clock

#: A share that a flow cannot fill is shared among the others, so often at the most in one draw.
_ROUNDS = 4

#: Ends deliveries whose time to live is over.
Expire = Callable[[Collection[Ref]], Awaitable[object]]


class Drawn(NamedTuple):
    """What is to be dispatched, in turns; whether more is due that may be; how much of each allowance was used."""

    refs: list[Ref]
    more: bool
    used: Mapping[str, int]


class _Row(NamedTuple):
    """A delivery that was drawn. The order is that of the statement."""

    tenant_id: str
    notification_id: str
    provider: str
    due_at: dt.datetime
    is_overdue: bool

    @property
    def ref(self) -> Ref:
        return self.tenant_id, self.notification_id


_flow_of = operator.itemgetter(0, 2)
_due_at_of = operator.itemgetter(3)


class _Catch(NamedTuple):
    """What one draw brought, what each flow had of it, and the flows that may have more and may be given more."""

    rows: list[_Row]
    held: Mapping[Flow, int]
    fuller: Sequence[Flow]
    weights: Mapping[str, int]
    #: The tenant where it stopped looking for flows; None: it saw all, or more than it could draw from.
    cut: str | None = None


class Draws:
    """Any number may draw at once, here and in other ledgers: each delivery goes to one of them."""

    def __init__(self, postgres: Postgres, clock: Clock, expire: Expire, bounds: BoundedProviders) -> None:
        self._postgres = postgres
        self._clock = clock
        self._expire = expire
        self._bounded = bounds
        #: The tenant that is next in line, by lane: places that cannot be shared alike go round.
        self._next = dict.fromkeys(Lane.known(), "")

    async def draw(
        self, lane: Lane, limit: int, redispatch_after: dt.timedelta, allowances: Mapping[str, int]
    ) -> Drawn:
        """Up to ``limit`` due deliveries, which no draw gives out again within ``redispatch_after``.

        ``allowances`` bounds how many of them may go to the providers it names. Those whose time to live is over end
        here.
        """
        self._bounded.tell(allowances)
        now = self._clock.now()
        when = {"lane": lane, "now": now, "redispatch_at": now + redispatch_after}

        async def work(connection: Connection) -> _Catch:
            await connection.execute(IN_ORDER)
            found = await (await connection.execute(FLOWS, when | {"first": self._next[lane]})).fetchall()
            weights = {row[0]: row[3] for row in found}
            catch = _Catch([], Counter(), [Flow(*row[:2]) for row in found if row[2]], weights)
            catch = await _draw(connection, when, limit, allowances, catch)
            # What lies beyond the flows looked through is next, unless these themselves wait for more.
            cut = found[-1][0] if len(found) == MOST_FLOWS and not catch.fuller else None
            return catch._replace(cut=cut)

        catch = await self._postgres.write(work, pipelined=True)
        self._next[lane] = next_in_line(catch.fuller, catch.weights, catch.held) or catch.cut or self._next[lane]
        if overdue := [row.ref for row in catch.rows if row.is_overdue]:
            await self._expire(overdue)
        rows = _in_turns([row for row in catch.rows if not row.is_overdue], catch.weights)
        used = Counter(row.provider for row in rows if row.provider in allowances)
        more = bool(catch.fuller) or bool(catch.rows and catch.cut)
        return Drawn([row.ref for row in rows], more, used)


async def _draw(
    connection: Connection, when: Mapping[str, Any], limit: int, allowances: Mapping[str, int], catch: _Catch
) -> _Catch:
    """Draws in rounds: what one flow cannot fill is shared among the others."""
    rows, held, weights = catch.rows, Counter(catch.held), catch.weights
    left = dict(allowances)
    fuller = [flow for flow in catch.fuller if left.get(flow.provider, 1) > 0]
    for _ in range(_ROUNDS):
        if len(rows) == limit:
            break
        wanted = {flow: count for flow, count in share(limit - len(rows), fuller, weights, left, held).items() if count}
        if not wanted:
            break
        batch = [{**flow._asdict(), "places": count} for flow, count in wanted.items()]
        drawing = await connection.execute(DRAW, {**when, "flows": json.dumps(batch)})
        drawn = [_Row._make(row) for row in await drawing.fetchall()]
        got = Counter(map(_flow_of, drawn))
        rows += drawn
        held += got
        taken = Counter(row.provider for row in drawn)
        left = {provider: count - taken[provider] for provider, count in left.items()}
        fuller = [flow for flow in fuller if got[flow] == wanted.get(flow, 0) and left.get(flow.provider, 1) > 0]
    return catch._replace(rows=rows, held=held, fuller=fuller)


def _in_turns(rows: Sequence[_Row], weights: Mapping[str, int]) -> list[_Row]:
    """Each tenant's longest due first, and tenants as often as their weights say: what is first is sent first."""
    by_due_time = sorted(rows, key=_due_at_of)
    if len(weights) == 1:
        return by_due_time
    taken: Counter[str] = Counter()
    turns = []
    for place, row in enumerate(by_due_time):
        taken[row.tenant_id] += 1
        turns.append((taken[row.tenant_id] / weights[row.tenant_id], place))
    return [by_due_time[place] for _, place in sorted(turns)]
