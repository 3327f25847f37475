"""Deliveries of events: drawn by who sends them, settled, listed and sent again."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from services.ledger.outgoing import planning, statements
from services.ledger.outgoing.planning import Codec
from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.rules.feed import delivering
from services.ledger.rules.feed.delivering import TRIED_FOR, Answered, DeliveryState
from shared.clock import Clock
from shared.ids import uuid7

#: The advisory lock by which those who draw take turns; any number nobody else uses.
_LOCK = 0x70756C7367
#: Deliveries that are sent again by one call.
MOST_REDELIVERED = 10_000
#: Characters of an answer that are kept.
_MOST_KEPT = 1_024
_LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"


class EventDelivery(NamedTuple):
    """As it is kept. The order is that of the statements' columns."""

    event_delivery_id: str
    event: bytes
    state: str
    attempt: int
    created_at: dt.datetime
    due_at: dt.datetime | None
    answered_at: dt.datetime | None
    latency_ms: float | None
    answer_status: int
    answer_body: str
    error: str


class Due(NamedTuple):
    """One to be sent. ``former_secret``: empty, or one to sign with besides."""

    tenant_id: str
    subscription_id: str
    event_delivery_id: str
    attempt: int
    document: bytes
    secret: str
    former_secret: str
    event: bytes


class Answer(NamedTuple):
    """What a request came to; ``status`` 0: there was no answer, for the reason ``error``."""

    tenant_id: str
    subscription_id: str
    event_delivery_id: str
    attempt: int
    status: int
    body: str
    error: str
    latency_ms: float
    retry_after: dt.timedelta | None


class EventDeliveries:
    """Each of them has its own state, so that one endpoint, or one event, holds up no other."""

    def __init__(self, postgres: Postgres, clock: Clock, codec: Codec) -> None:
        self._postgres = postgres
        self._clock = clock
        self._codec = codec
        self._random = random.SystemRandom().random

    async def draw(self, limit: int, most_of_one: int, lease: dt.timedelta) -> list[Due]:
        """Goes on through the feeds, and leases up to ``limit`` that are due, so many of one endpoint."""
        now = self._clock.now()
        parameters = {"now": now, "limit": limit, "most": most_of_one, "lease_until": now + lease, "lock": _LOCK}

        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            async with connection.transaction():
                await connection.execute(statements.DRAW_IN_TURN, parameters)
                await planning.plan(connection, self._codec, now)
                return await (await connection.execute(statements.DRAW, parameters)).fetchall()

        return [Due._make(row) for row in await self._postgres.write(work)]

    async def settle(self, answers: Sequence[Answer]) -> int:
        """Each for itself, if it still has its lease; how many subscriptions were disabled by that."""
        disabled = 0
        for answer in answers:
            disabled += await self._postgres.write(partial(self._settle, answer))
        return disabled

    async def _settle(self, answer: Answer, connection: Connection) -> int:
        now, name = self._clock.now(), _name(answer)
        async with connection.transaction():
            found = await (await connection.execute(statements.LEASED, name)).fetchone()
            if found is None:
                return 0
            answered = Answered(answer.attempt, answer.status, found[0], found[1], answer.retry_after)
            verdict = delivering.decide(answered, now, self._random)
            told = {"latency_ms": answer.latency_ms, "status": answer.status, "error": answer.error[:_MOST_KEPT]}
            kept = told | {"body": answer.body[:_MOST_KEPT].replace("\0", "\N{REPLACEMENT CHARACTER}")}
            state = {"state": verdict.state.value, "due_at": verdict.due_at, "now": now}
            if not (await connection.execute(statements.SETTLE, name | state | kept)).rowcount:
                return 0
            if verdict.state is DeliveryState.DELIVERED:
                await connection.execute(statements.SUCCEEDED, name)
                return 0
            rest = {"failing_since": verdict.failing_since, "rest_until": verdict.rest_until}
            await connection.execute(statements.FAILED, name | rest)
            return await self._disable(connection, name, now, answer.status) if verdict.disables else 0

    async def _disable(self, connection: Connection, name: dict[str, Any], now: dt.datetime, status: int) -> int:
        if not (await connection.execute(statements.DISABLE, name | {"now": now})).rowcount:
            return 0
        reason = "the endpoint says that it is gone" if status == 410 else "every request failed for five days"
        decision = {"rule": "subscription", "result": "DISABLED", "reason": reason}
        data = json.dumps({"subscription_id": name["subscription_id"], "decisions": [decision]})
        await connection.execute(statements.TELL_DISABLED, name | {"event_id": uuid7(now), "now": now, "data": data})
        return 1

    async def add(self, tenant_id: str, subscription_id: str, event_id: str, event: bytes) -> EventDelivery:
        """One that stands in no feed."""
        name = {"tenant_id": tenant_id, "subscription_id": subscription_id}
        parameters = name | planning.planned([(event_id, event)], self._clock.now())

        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await connection.execute(statements.ADD, parameters)).fetchall()

        (row,) = await self._postgres.write(work)
        return EventDelivery._make(row)

    async def page(
        self, tenant_id: str, subscription_id: str, state: str, size: int, before: str
    ) -> list[EventDelivery]:
        """Up to ``size`` with ids below ``before`` (empty: from the last), the last first."""
        parameters = {
            "tenant_id": tenant_id,
            "subscription_id": subscription_id,
            "state": state,
            "limit": size,
            "before": before or _LAST_ID,
        }

        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await connection.execute(statements.DELIVERIES, parameters)).fetchall()

        return [EventDelivery._make(row) for row in await self._postgres.search(work)]

    async def redeliver(
        self,
        tenant_id: str,
        subscription_id: str,
        event_id: str,
        created: tuple[dt.datetime | None, dt.datetime | None],
    ) -> int:
        """That of an event, or those that came to be in a range of time; how many."""
        now = self._clock.now()
        parameters = {
            "tenant_id": tenant_id,
            "subscription_id": subscription_id,
            "event_id": event_id,
            "created_after": created[0],
            "created_before": created[1],
            "now": now,
            "give_up_at": now + TRIED_FOR,
            "limit": MOST_REDELIVERED,
        }

        async def work(connection: Connection) -> int:
            return (await connection.execute(statements.REDELIVER, parameters)).rowcount

        return await self._postgres.write(work)


def _name(answer: Answer) -> dict[str, Any]:
    return {
        "tenant_id": answer.tenant_id,
        "subscription_id": answer.subscription_id,
        "event_delivery_id": answer.event_delivery_id,
        "attempt": answer.attempt,
    }
