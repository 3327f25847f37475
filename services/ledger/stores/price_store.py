"""What providers charge: for each attempt once, and summed by day. Every method is one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.rules.delivery import Ref
from shared.channel.table import Channel
from shared.clock import Clock

#: How long sums are kept, as bills are compared by them.
SUMS_KEPT = dt.timedelta(days=400)

# Of a notification that was sent at least once: who made one up has nothing to add to.
_RECORD = """
WITH told AS (
    INSERT INTO prices (tenant_id, notification_id, provider, provider_message_id, amount, currency, told_at)
    SELECT tenant_id, notification_id, %(provider)s, %(provider_message_id)s, %(amount)s, %(currency)s, %(now)s
    FROM deliveries
    WHERE tenant_id = %(tenant_id)s AND notification_id = %(notification_id)s AND fence > 0
    ON CONFLICT DO NOTHING
    RETURNING tenant_id, provider, amount, currency
)
INSERT INTO price_sums AS sums (tenant_id, day, channel, provider, currency, amount, attempts)
SELECT tenant_id, %(day)s, %(channel)s::channel, provider, currency, amount, 1 FROM told
ON CONFLICT (tenant_id, day, channel, provider, currency) DO UPDATE
    SET amount = sums.amount + excluded.amount, attempts = sums.attempts + 1
RETURNING 1
"""

_OF_NOTIFICATION = """
SELECT provider, provider_message_id, amount, currency FROM prices
WHERE tenant_id = %(tenant_id)s AND notification_id = %(notification_id)s
"""

_SUMS = """
SELECT day, channel::text, provider, currency, sum(amount), sum(attempts)::bigint FROM price_sums
WHERE day >= %(since)s AND (%(tenant_id)s = '' OR tenant_id = %(tenant_id)s)
GROUP BY day, channel, provider, currency
ORDER BY day DESC, channel, provider, currency
"""

#: Forgets prices, and sums, that were told before a time, up to a limit.
PURGE = """
DELETE FROM prices WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM prices WHERE told_at < %(before)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""
PURGE_SUMS = """
DELETE FROM price_sums WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM price_sums WHERE day < %(before)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""


class Price(NamedTuple):
    """An amount in a currency (ISO 4217)."""

    amount: Decimal
    currency: str


class ToldPrice(NamedTuple):
    """What a provider charges for what it knows by an id of its own."""

    ref: Ref
    provider: str
    provider_message_id: str
    channel: Channel
    price: Price


class Cost(NamedTuple):
    """What a provider charged for the attempts that it told the price of on a day (UTC)."""

    day: dt.date
    channel: Channel
    provider: str
    price: Price
    attempts: int


#: Prices by provider, and its own id of the attempt.
Prices = Mapping[tuple[str, str], Price]


class PriceStore:
    """Prices by attempt, and their sums, never over several currencies."""

    def __init__(self, postgres: Postgres, clock: Clock) -> None:
        self._postgres = postgres
        self._clock = clock

    async def record(self, told: ToldPrice) -> bool:
        """Whether it is new: a repetition, or an unknown notification's, changes nothing."""
        now = self._clock.now()
        parameters = {
            "tenant_id": told.ref[0],
            "notification_id": told.ref[1],
            "provider": told.provider,
            "provider_message_id": told.provider_message_id,
            "channel": str(told.channel),
            "amount": told.price.amount,
            "currency": told.price.currency,
            "now": now,
            "day": now.date(),
        }

        async def work(connection: Connection) -> bool:
            async with connection.transaction():
                return await (await connection.execute(_RECORD, parameters)).fetchone() is not None

        return await self._postgres.write(work)

    async def of(self, ref: Ref) -> Prices:
        """Those of one notification's attempts."""
        rows = await self._rows(_OF_NOTIFICATION, {"tenant_id": ref[0], "notification_id": ref[1]})
        return {(provider, own_id): Price(amount, currency) for provider, own_id, amount, currency in rows}

    async def costs(self, tenant_id: str, window: dt.timedelta) -> list[Cost]:
        """Sums of the days that the window touches, the newest first; of all tenants, if it is empty."""
        since = (self._clock.now() - window).date()
        rows = await self._rows(_SUMS, {"tenant_id": tenant_id, "since": since})
        return [
            Cost(day, Channel.read(channel), provider, Price(amount, currency), attempts)
            for day, channel, provider, currency, amount, attempts in rows
        ]

    async def _rows(self, statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await connection.execute(statement, parameters)).fetchall()

        return await self._postgres.read(work)
