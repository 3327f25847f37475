"""Subscriptions as they are kept. Every method is one transaction."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

from services.ledger.outgoing import statements
from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.read.feed.feed import read_horizon
from services.ledger.rules.feed.delivering import SubscriptionState
from services.ledger.rules.feed.positions import Position
from shared.clock import Clock
from shared.errors import Code, PulseError, QuotaViolation
from shared.ids import uuid7

#: Of one tenant.
MOST = 100
#: Deliveries that go with their subscription, in one call's time; nobody is sent what is left, which goes at its age.
MOST_DELETED = 10_000
#: How long the secret before goes on.
_OVERLAP = dt.timedelta(hours=24)


class Subscription(NamedTuple):
    """As it is kept. The order is that of the statements' columns."""

    subscription_id: str
    #: What callers gave, as the contract has it.
    document: bytes
    state: str
    failing_since: dt.datetime | None
    created_at: dt.datetime
    updated_at: dt.datetime


class Subscriptions:
    """What tenants keep of them."""

    def __init__(self, postgres: Postgres, clock: Clock) -> None:
        self._postgres = postgres
        self._clock = clock

    async def create(self, tenant_id: str, document: bytes, secret: str) -> Subscription:
        """One that begins at the end of the feed. Raises RESOURCE_EXHAUSTED."""
        now = self._clock.now()
        parameters = {"tenant_id": tenant_id, "subscription_id": uuid7(now), "document": document, "secret": secret}

        async def work(connection: Connection) -> Subscription:
            async with connection.transaction():
                await connection.execute(statements.IN_TURN, parameters)
                row = await (await connection.execute(statements.COUNT, parameters)).fetchone()
                if row is not None and row[0] >= MOST:
                    raise _too_many()
                horizon = await read_horizon(connection)
                begin = {"position": str(Position(horizon)), "next_transaction": horizon, "now": now}
                return await _one(connection, statements.CREATE, parameters | begin)

        return await self._postgres.write(work)

    async def list(self, tenant_id: str, subscription_id: str = "") -> list[Subscription]:
        """All of a tenant's, the last made first, or the one of that id, a UUID."""
        parameters = {"tenant_id": tenant_id, "subscription_id": subscription_id}
        statement = statements.ONE if subscription_id else statements.LIST

        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await connection.execute(statement, parameters)).fetchall()

        return [Subscription._make(row) for row in await self._postgres.read(work)]

    async def update(self, tenant_id: str, subscription_id: str, document: bytes) -> Subscription | None:
        """With what is given now; None: there is none."""
        return await self._change(statements.UPDATE, tenant_id, subscription_id, document=document)

    async def set_state(self, tenant_id: str, subscription_id: str, state: SubscriptionState) -> Subscription | None:
        """Pauses or resumes it; None: there is none."""
        return await self._change(statements.SET_STATE, tenant_id, subscription_id, state=state.value)

    async def rotate(self, tenant_id: str, subscription_id: str, secret: str) -> bool:
        """Signs with this from now on, and for a day with the one before; False: there is none."""
        until = self._clock.now() + _OVERLAP
        parameters = self._named(tenant_id, subscription_id, secret=secret, former_until=until)

        async def work(connection: Connection) -> int:
            return (await connection.execute(statements.ROTATE, parameters)).rowcount

        return await self._postgres.write(work) == 1

    async def delete(self, tenant_id: str, subscription_id: str) -> bool:
        """With its deliveries; False: there is none."""
        parameters = self._named(tenant_id, subscription_id, limit=MOST_DELETED)

        async def work(connection: Connection) -> int:
            async with connection.transaction():
                await connection.execute(statements.DELETE_DELIVERIES, parameters)
                return (await connection.execute(statements.DELETE, parameters)).rowcount

        return await self._postgres.write(work) == 1

    async def _change(
        self, statement: str, tenant_id: str, subscription_id: str, **values: object
    ) -> Subscription | None:
        parameters = self._named(tenant_id, subscription_id, **values)

        async def work(connection: Connection) -> tuple[Any, ...] | None:
            return await (await connection.execute(statement, parameters)).fetchone()

        row = await self._postgres.write(work)
        return None if row is None else Subscription._make(row)

    def _named(self, tenant_id: str, subscription_id: str, **values: object) -> dict[str, object]:
        return {"tenant_id": tenant_id, "subscription_id": subscription_id, "now": self._clock.now(), **values}


async def _one(connection: Connection, statement: str, parameters: dict[str, Any]) -> Subscription:
    row = await (await connection.execute(statement, parameters)).fetchone()
    assert row is not None  # noqa: S101 -- it was inserted
    return Subscription._make(row)


def _too_many() -> PulseError:
    return PulseError(
        Code.RESOURCE_EXHAUSTED,
        "TOO_MANY_SUBSCRIPTIONS",
        f"the tenant has {MOST} subscriptions, which is as many as it may have",
        hint="delete what is no longer needed",
        quotas=(QuotaViolation("tenant/subscriptions", "subscriptions of a tenant", MOST),),
    )
