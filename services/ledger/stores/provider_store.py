"""Keeps what workers tell of providers, for as long as they go on telling it, and what operators decided on them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from services.ledger.postgres import rows
from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.rules import provider_states
from services.ledger.rules.provider_states import Breaker, BreakerOverride, Control, Controls, ProviderReport, State
from services.ledger.stores.receipt_delays import ReceiptDelays
from shared.channel.table import Channel
from shared.clock import Clock
from shared.rpc import deadlines

#: A worker that says nothing for so long is forgotten.
SILENT_AFTER = dt.timedelta(seconds=10)
#: Its rows are deleted after so long: much later, as clocks differ.
_DELETED_AFTER = dt.timedelta(minutes=10)
#: Woken in one transaction: few enough not to hold anybody up.
_CHUNK = 1_000
#: No transaction begins with less time than this left to the call, s.
_SPARE_SECONDS = 0.5

# Replaces what a worker said before; what it does not name any more is gone.
_TELL = """
WITH told AS (
    SELECT * FROM json_to_recordset(%(told)s::json) AS r(
        provider text, channel channel, breaker text, reason text, since timestamptz)
), gone AS (
    DELETE FROM provider_states s
    WHERE s.worker_id = %(worker)s AND s.provider NOT IN (SELECT provider FROM told)
), forgotten AS (
    DELETE FROM provider_states WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM provider_states
        WHERE told_at < %(delete_before)s AND worker_id <> %(worker)s FOR UPDATE SKIP LOCKED))
)
INSERT INTO provider_states (worker_id, provider, channel, breaker, reason, since, told_at)
SELECT %(worker)s, provider, channel, breaker, reason, since, %(now)s FROM told
ON CONFLICT (worker_id, provider) DO UPDATE
    SET channel = excluded.channel, breaker = excluded.breaker, reason = excluded.reason, since = excluded.since,
        told_at = excluded.told_at
"""

# A time ahead of the clock is one that the clock was wrong by once: such a row is no better than an old one.
_TOLD = """
SELECT provider, channel, breaker, reason, since FROM provider_states
WHERE told_at BETWEEN %(now)s - %(silent)s AND %(now)s + %(silent)s
"""

#: All that operators decided: a handful of rows.
CONTROLS = "SELECT subject, paused, override, actor, updated_at FROM provider_controls"

_CONTROL = """
INSERT INTO provider_controls AS c (subject, paused, override, actor, updated_at)
VALUES (%(subject)s, coalesce(%(paused)s, false), coalesce(%(override)s, 'AUTOMATIC'), %(actor)s, %(now)s)
ON CONFLICT (subject) DO UPDATE
    SET paused = coalesce(%(paused)s, c.paused), override = coalesce(%(override)s, c.override),
        actor = excluded.actor, updated_at = excluded.updated_at
    WHERE (c.paused, c.override) IS DISTINCT FROM (coalesce(%(paused)s, c.paused), coalesce(%(override)s, c.override))
"""

# Has some that were deferred looked at again. In the order of their deferral, past those in somebody's hands.
_WAKE = """
WITH asleep AS (
    SELECT tenant_id, notification_id FROM deliveries
    WHERE deferred_at IS NOT NULL AND due_at > %(now)s
    ORDER BY deferred_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE deliveries d SET due_at = %(now)s FROM asleep
WHERE d.tenant_id = asleep.tenant_id AND d.notification_id = asleep.notification_id
"""


class ProviderStore:
    """Every method is one transaction, but for the waking of what was deferred."""

    def __init__(self, postgres: Postgres, clock: Clock, delays: ReceiptDelays) -> None:
        self._postgres = postgres
        self._clock = clock
        self._delays = delays

    async def exchange(self, worker: str, told: Sequence[ProviderReport]) -> list[State]:
        """Takes in what a worker sees of all its providers; gives what all see."""
        now = self._clock.now()
        once = {one.provider: one._asdict() for one in told}
        parameters = {
            "worker": worker,
            "told": rows.encode(once[name] for name in sorted(once)),
            "now": now,
            "delete_before": now - _DELETED_AFTER,
        }

        async def work(connection: Connection) -> None:
            await connection.execute(_TELL, parameters)

        await self._postgres.write(work)
        return await self.states()

    async def states(self) -> list[State]:
        """Every provider that any worker told of lately."""
        slow = await self._delays.slow()
        parameters = {"now": self._clock.now(), "silent": SILENT_AFTER}

        async def work(connection: Connection) -> list[State]:
            async with connection.pipeline():
                telling = await connection.execute(_TOLD, parameters)
                deciding = await connection.execute(CONTROLS)
                told = [_told(row) for row in await telling.fetchall()]
                return provider_states.merge(told, controls(await deciding.fetchall()), slow)

        return await self._postgres.read(work)

    async def pause(self, subject: str, paused: bool, actor: str) -> None:
        """Pauses or resumes; the same again changes nothing."""
        await self._decide(subject, actor, paused=paused)
        if not paused:
            await self._wake()

    async def override(self, provider: str, override: BreakerOverride, actor: str) -> State | None:
        """How the provider stands then; None, and nothing is decided: no worker told of it lately."""
        if not any(state.provider == provider for state in await self.states()):
            return None
        await self._decide(provider_states.provider_subject(provider), actor, override=override)
        if override is not BreakerOverride.FORCED_OPEN:
            await self._wake()
        return next((state for state in await self.states() if state.provider == provider), None)

    async def _decide(
        self, subject: str, actor: str, *, paused: bool | None = None, override: BreakerOverride | None = None
    ) -> None:
        now = self._clock.now()
        parameters = {"subject": subject, "paused": paused, "override": override, "actor": actor, "now": now}

        async def work(connection: Connection) -> None:
            await connection.execute(_CONTROL, parameters)

        await self._postgres.write(work)

    async def _wake(self) -> None:
        """Has what was deferred looked at now. What the call's time does not reach is looked at by and by."""
        parameters = {"now": self._clock.now(), "limit": _CHUNK}

        async def work(connection: Connection) -> int:
            return (await connection.execute(_WAKE, parameters)).rowcount

        count = _CHUNK
        while count == _CHUNK and deadlines.remaining() > _SPARE_SECONDS:
            count = await self._postgres.write(work)


def controls(found: Sequence[tuple[Any, ...]]) -> Controls:
    """From the rows of :data:`CONTROLS`."""
    return {
        subject: Control(paused, BreakerOverride.read(override), actor, updated_at)
        for subject, paused, override, actor, updated_at in found
    }


def _told(row: tuple[Any, ...]) -> ProviderReport:
    provider, channel, breaker, reason, since = row
    return ProviderReport(provider, Channel.read(channel), Breaker.read(breaker), reason, since)
