"""Finds providers that take notifications over and do not report on them in time."""

from __future__ import annotations

import asyncio
import contextvars
import datetime as dt

from psycopg import Error

from services.ledger.postgres import tenancy
from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.rules.delay_rules import DelayRules
from shared.clock import Clock
from shared.errors import PulseError
from shared.observe.logs import logger

log = logger(__name__)

#: The last so many that each provider took over are looked at: enough to tell a share by, and bounded.
_SAMPLE = 1_000

# Of the last ones that a provider took over long enough ago: how many, and how many it has not reported on.
_DELAYED = """
SELECT p.provider, count(*), count(*) FILTER (WHERE s.status = 'SENT')
FROM unnest(%(providers)s::text[]) AS p(provider)
CROSS JOIN LATERAL (
    SELECT status FROM deliveries d
    WHERE d.provider = p.provider AND d.sent_at > %(since)s AND d.sent_at <= %(until)s
    ORDER BY d.sent_at DESC LIMIT %(sample)s
) s
GROUP BY p.provider
"""


class ReceiptDelays:
    """What was found last; when that is asked for and too old, it is looked up again."""

    def __init__(self, postgres: Postgres, clock: Clock, rules: DelayRules) -> None:
        self._postgres = postgres
        self._clock = clock
        self._rules = rules
        self._slow: frozenset[str] = frozenset()
        self._looked_at: dt.datetime | None = None
        self._looking: asyncio.Task[None] | None = None

    def known(self) -> frozenset[str]:
        """Providers whose receipts were slow at the last look. Waits for none: a new one goes on in the background."""
        self._begin_if_old()
        return self._slow

    async def slow(self) -> frozenset[str]:
        """The same, after a new look if this call is the one to begin it. Never raises."""
        looking = self._begin_if_old()
        if looking is not None:
            await asyncio.wait([looking])
        return self._slow

    def _begin_if_old(self) -> asyncio.Task[None] | None:
        """A new look, if what was found last is too old and nobody looks yet."""
        now = self._clock.now()
        old = self._looked_at is None or abs(now - self._looked_at) >= self._rules.believed
        if not self._rules.providers or self._looking is not None or not old:
            return None
        # It is nobody's alone: it has no caller's deadline, tenants or trace.
        self._looking = asyncio.create_task(self._look_once(now), context=contextvars.Context())
        return self._looking

    async def _look_once(self, now: dt.datetime) -> None:
        """What cannot be looked up is as it was."""
        try:
            with tenancy.platform():
                self._slow = await self._look(now)
        except (Error, PulseError) as error:
            log.warning("cannot look for slow receipts", error=type(error).__name__)
        finally:
            self._looked_at, self._looking = now, None

    async def _look(self, now: dt.datetime) -> frozenset[str]:
        rules = self._rules
        parameters = {
            "providers": list(rules.providers),
            "since": now - rules.window,
            "until": now - rules.late_after,
            "sample": _SAMPLE,
        }

        async def work(connection: Connection) -> frozenset[str]:
            found = await (await connection.execute(_DELAYED, parameters)).fetchall()
            return frozenset(provider for provider, taken, late in found if rules.slow(taken, late))

        return await self._postgres.read(work)
