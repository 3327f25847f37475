"""Moves deliveries: holds them, asks the rules, writes what they say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, TypeVar

from services.ledger import claims, interventions, receipts, rows, settlements, sql
from services.ledger.claims import Claim
from services.ledger.delivery import Change, Delivery, Lane, Ref
from services.ledger.held import Held
from services.ledger.postgres import Connection, Postgres
from services.ledger.receipts import Receipt
from services.ledger.retry import Random, RetryPolicies
from services.ledger.settlements import Settlement
from services.ledger.states import Status
from services.ledger.watchers import Watchers
from shared.clock import Clock

Result = TypeVar("Result")
Rows = Sequence[tuple[Any, ...]]


class Content(NamedTuple):
    """What a worker needs to send, besides the state. The order is that of the statement."""

    tenant_id: str
    notification_id: str
    user_id: str
    recipient: str
    subject: str
    context_json: str
    template_name: str
    template_version: int
    locale: str
    traceparent: str
    created_at: dt.datetime


class Drawn(NamedTuple):
    """What is to be dispatched, longest due first, and whether more is due."""

    refs: list[Ref]
    more: bool


class Settled(NamedTuple):
    """Whether a settlement or receipt changed anything, and where the delivery stands; None: there is none."""

    applied: bool
    status: Status | None


class Mover:
    """Every change of state after acceptance goes through here."""

    def __init__(
        self,
        postgres: Postgres,
        clock: Clock,
        policies: RetryPolicies,
        watchers: Watchers,
        jitter: Random,
    ) -> None:
        self._postgres = postgres
        self._clock = clock
        self._policies = policies
        self._watchers = watchers
        self._jitter = jitter

    async def draw(self, lane: Lane, limit: int, redispatch_after: dt.timedelta) -> Drawn:
        """Up to ``limit`` due deliveries, which no draw gives out again within ``redispatch_after``.

        Those whose time to live is over end here.
        """
        now = self._clock.now()
        parameters = {"lane": lane, "limit": limit, "now": now, "redispatch_at": now + redispatch_after}

        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await connection.execute(sql.DRAW, parameters)).fetchall()

        drawn = await self._postgres.write(work)
        drawn.sort(key=lambda row: row[2])
        overdue = [(row[0], row[1]) for row in drawn if row[3]]
        if overdue:
            await self._each(overdue, now, lambda delivery: claims.decide_expiry(delivery, now))
        return Drawn([(row[0], row[1]) for row in drawn if not row[3]], more=len(drawn) == limit)

    async def claim(self, refs: Collection[Ref], worker: str, lease: dt.timedelta) -> list[tuple[Delivery, Content]]:
        """What ``worker`` may send until ``lease`` is over; the intent of each attempt is committed."""
        now = self._clock.now()
        claim = Claim(worker, now + lease)

        def rules(held: Held, contents: Rows) -> list[tuple[Delivery, Content]]:
            claimed = {d.ref for d in held if held.take(claims.decide(d, claim, now)) and _is_sending(held, d.ref)}
            found = [Content._make(row) for row in contents if (row[0], row[1]) in claimed]
            return [(_delivery(held, (one.tenant_id, one.notification_id)), one) for one in found]

        return await self._transact(refs, now, rules, also=sql.CONTENT)

    async def settle(self, batch: Sequence[Settlement]) -> list[Settled]:
        """What became of each settlement, in their order."""
        now = self._clock.now()

        def rule(held: Held, settlement: Settlement) -> Settled:
            delivery = held.get(settlement.ref)
            if delivery is None:
                return Settled(False, None)
            applied = held.take(settlements.decide(delivery, settlement, now, self._policies, self._jitter))
            return Settled(applied, _delivery(held, settlement.ref).status)

        refs = [settlement.ref for settlement in batch]
        return await self._transact(refs, now, lambda held, _: [rule(held, settlement) for settlement in batch])

    async def receive(self, batch: Sequence[Receipt]) -> list[Settled]:
        """What became of each receipt, in their order."""
        now = self._clock.now()

        def rules(held: Held, rows_: Rows) -> list[Settled]:
            known = {((row[0], row[1]), row[2] or "", row[3] or "", Status(row[4])) for row in rows_}
            settled = []
            for receipt in batch:
                delivery = held.get(receipt.ref)
                applied = delivery is not None and held.take(receipts.decide(delivery, receipt, known, now))
                known.add(receipt.identity)
                settled.append(Settled(applied, delivery and _delivery(held, receipt.ref).status))
            return settled

        return await self._transact([receipt.ref for receipt in batch], now, rules, also=sql.RECEIPTS)

    async def cancel(self, ref: Ref, actor: str) -> bool:
        """Takes a delivery back; False if there is none. Raises :class:`services.ledger.interventions.Refused`."""
        now = self._clock.now()
        return await self._each([ref], now, lambda delivery: interventions.cancel(delivery, actor, now))

    async def replay(self, ref: Ref, actor: str) -> bool:
        """Makes a dead letter due; False if there is none. Raises :class:`services.ledger.interventions.Refused`."""
        now = self._clock.now()
        return await self._each([ref], now, lambda delivery: interventions.replay(delivery, actor, now))

    async def _each(self, refs: Collection[Ref], now: dt.datetime, rule: Callable[[Delivery], Change | None]) -> bool:
        """Applies one rule to each of ``refs``; False if there is none of them."""

        def rules(held: Held, _: Rows) -> bool:
            deliveries = list(held)
            for delivery in deliveries:
                held.take(rule(delivery))
            return bool(deliveries)

        return await self._transact(refs, now, rules)

    async def _transact(
        self, refs: Collection[Ref], now: dt.datetime, rules: Callable[[Held, Rows], Result], also: str = ""
    ) -> Result:
        """Holds ``refs``, lets ``rules`` change them and writes the changes, in one transaction of two round trips.

        ``also`` is a statement over the same references whose rows the rules want.
        """
        batch = {"refs": rows.refs(refs)}

        async def work(connection: Connection) -> tuple[Result, list[Change]]:
            async with connection.pipeline(), connection.transaction():
                holding = await connection.execute(sql.HOLD, batch)
                more = await connection.execute(also, batch) if also else None
                held = Held([rows.delivery(row) for row in await holding.fetchall()])
                result = rules(held, await more.fetchall() if more else ())
                changes = held.changes()
                if changes:
                    await connection.execute(sql.CHANGE, rows.written(changes, now))
            return result, changes

        result, changes = await self._postgres.write(work)
        self._watchers.wake(change.delivery.ref for change in changes)
        return result


def _delivery(held: Held, ref: Ref) -> Delivery:
    """One that is known to be held."""
    delivery = held.get(ref)
    assert delivery is not None  # noqa: S101 -- the caller has just found it
    return delivery


def _is_sending(held: Held, ref: Ref) -> bool:
    return _delivery(held, ref).status is Status.SENDING
