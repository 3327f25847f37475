"""Addresses that a tenant must not send to, asked for by themselves: those of copies, whose users nobody knows."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.rules import recipient_rules, recipients
from services.ledger.rules.delivery import Lane
from services.ledger.rules.recipient_rules import Sending, Suppressed
from services.ledger.rules.recipients import Profile, Reason, Suppression
from shared.channel.table import Channel
from shared.clock import Clock

# A suppression's digest is that of all it says: so each that could hold for an address is looked up, and no other.
_FIND = """
SELECT channel, address, category, reason FROM suppressions
WHERE tenant_id = %(tenant_id)s AND digest = ANY (%(digests)s)
"""


class SuppressedAddresses:
    """Finds them. In ``critical`` categories unsubscriptions do not hold."""

    def __init__(self, postgres: Postgres, clock: Clock, critical: frozenset[str]) -> None:
        self._postgres = postgres
        self._clock = clock
        self._critical = critical

    async def among(
        self, tenant_id: str, channel: Channel, category: str, addresses: Sequence[str]
    ) -> Mapping[str, str]:
        """Those of ``addresses`` to which nothing of ``category`` may go by ``channel``, each with the reason."""
        digests = [one.digest() for address in addresses for one in _possible(channel, category, address)]
        parameters = {"tenant_id": tenant_id, "digests": digests}

        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await connection.execute(_FIND, parameters)).fetchall()

        found = Profile(suppressions=[recipients.suppression(*row) for row in await self._postgres.read(work)])
        suppressed = {}
        for address in addresses:
            sending = Sending(category, channel, address, Lane.HIGH, category in self._critical)
            verdict = recipient_rules.rule(found, sending, self._clock.now())
            if isinstance(verdict, Suppressed):
                suppressed[address] = verdict.decision["reason"]
        return suppressed


def _possible(channel: Channel, category: str, address: str) -> Iterable[Suppression]:
    """All suppressions that name the address and hold for the category."""
    said = itertools.product((channel, None), {"", category}, Reason)
    return (Suppression(by, address, of, reason) for by, of, reason in said)
