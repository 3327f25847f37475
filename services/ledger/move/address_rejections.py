"""What a provider's lasting word on an address means: no more is sent there.

An address is suppressed; a device's token is forgotten. Both in the transaction of the settlement or receipt that says
so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from services.ledger.move.sql import DEVICE_REFUSED
from services.ledger.move.transaction import Read, Rows
from services.ledger.postgres import rows, sql
from services.ledger.postgres.postgres import Connection
from services.ledger.rules import fallbacks, recipients
from services.ledger.rules.delivery import Delivery, Ref
from services.ledger.rules.recipients import Reason, Rejection, Suppression
from shared.channel.table import Address, Channel
from shared.ids import uuid7

# Whose deliveries these are, where their first channels go, and the user's devices that have not been refused for them.
_SOURCES = f"""
SELECT n.tenant_id, n.notification_id::text, n.user_id, n.recipient,
    ARRAY(SELECT t.device_token_id::text FROM device_tokens t
          WHERE t.tenant_id = n.tenant_id AND t.user_id = n.user_id AND NOT {DEVICE_REFUSED})
FROM {sql.REFS} JOIN notifications n USING (tenant_id, notification_id)
"""  # noqa: S608 -- made of constants

# In the order of the keys, so that two batches never wait for each other in a circle.
_SUPPRESS = """
INSERT INTO suppressions
    (tenant_id, user_id, digest, suppression_id, channel, address, category, reason, created_at)
SELECT tenant_id, user_id, digest, suppression_id, channel, address, '', reason, %(now)s
FROM json_to_recordset(%(rows)s::json) AS r(tenant_id text, user_id text, digest bytea, suppression_id uuid,
    channel channel, address text, reason text)
ORDER BY tenant_id, user_id, digest
ON CONFLICT (tenant_id, user_id, digest) DO NOTHING
"""

_FORGET = """
DELETE FROM device_tokens t USING (
    SELECT t.tenant_id, t.device_token_id FROM json_to_recordset(%(rows)s::json) AS r(tenant_id text, device uuid)
    JOIN device_tokens t ON t.tenant_id = r.tenant_id AND t.device_token_id = r.device
    ORDER BY t.tenant_id, t.device_token_id FOR UPDATE OF t
) gone
WHERE t.tenant_id = gone.tenant_id AND t.device_token_id = gone.device_token_id
"""


_REASONS = {
    Rejection.GONE: Reason.BOUNCE,
    Rejection.OPTED_OUT: Reason.UNSUBSCRIBE,
    Rejection.COMPLAINED: Reason.COMPLAINT,
}


class Source(NamedTuple):
    """Whose delivery it is. The order is that of the statement."""

    tenant_id: str
    notification_id: str
    user_id: str
    #: Where its first channel goes.
    recipient: str
    #: Its user's devices that were not refused for it before.
    devices: Sequence[str]

    @property
    def ref(self) -> Ref:
        return self.tenant_id, self.notification_id

    def device_token_id(self, delivery: Delivery) -> str:
        """The device that the last attempt went to; empty: it went to none."""
        if delivery.channel.facts.address is not Address.DEVICE:
            return ""
        if address := fallbacks.recipient(delivery, self.recipient):
            return recipients.device_token_id(address)
        return delivery.device_token_id or ""

    def another_device(self, delivery: Delivery) -> bool | None:
        """Whether a push can go to another device than its last one; None: it named a token of its own."""
        if delivery.channel.facts.needs_address or fallbacks.recipient(delivery, self.recipient):
            return None
        last = self.device_token_id(delivery)
        return any(device != last for device in self.devices)


def _by_ref(rows_: Rows) -> dict[Ref, Source]:
    return {source.ref: source for source in map(Source._make, rows_)}


#: Whose deliveries a batch is of, and where they go.
SOURCES = Read(_SOURCES, _by_ref)


class Rejected(NamedTuple):
    """What follows: a suppression, or a device that is forgotten."""

    tenant_id: str
    user_id: str
    suppression: Suppression | None
    device_token_id: str = ""


def rejected(delivery: Delivery, source: Source, rejection: Rejection, provider: str) -> Rejected | None:
    """What ``provider``'s word on a delivery's address means; None: there is nothing to remember."""
    if rejection is Rejection.REFUSED:
        return None
    channel, address = addressed(delivery, source.recipient, provider)
    if channel is not None and channel.facts.address is Address.DEVICE:
        device = source.device_token_id(delivery) if rejection is Rejection.GONE else ""
        return Rejected(source.tenant_id, source.user_id, None, device) if device else None
    if not address:
        return None
    return Rejected(source.tenant_id, source.user_id, Suppression(channel, address, "", _REASONS[rejection]))


def addressed(delivery: Delivery, first: str, provider: str) -> tuple[Channel | None, str]:
    """The channel and address that ``provider`` speaks of: the current ones, or those of a channel left behind.

    Of the first channel, once it was left, the address is known but not the channel: None, which is all.
    """
    if provider in delivery.route or not delivery.fallback_index:
        return delivery.channel, fallbacks.recipient(delivery, first)
    for fallback in reversed(fallbacks.restored((delivery.fallbacks or ())[: delivery.fallback_index])):
        if provider in fallback.route:
            return fallback.channel, fallback.to
    return None, first


async def remember(connection: Connection, found: Sequence[Rejected], now: dt.datetime) -> None:
    """Writes it down, in the caller's transaction."""
    suppressed = [_row(one, one.suppression, now) for one in found if one.suppression is not None]
    if suppressed:
        await connection.execute(_SUPPRESS, {"rows": rows.encode(suppressed), "now": now})
    gone = [{"tenant_id": one.tenant_id, "device": one.device_token_id} for one in found if one.device_token_id]
    if gone:
        await connection.execute(_FORGET, {"rows": rows.encode(gone)})


def _row(one: Rejected, suppression: Suppression, now: dt.datetime) -> dict[str, Any]:
    return {
        "tenant_id": one.tenant_id,
        "user_id": one.user_id,
        "digest": "\\x" + suppression.digest().hex(),
        "suppression_id": uuid7(now),
        "channel": suppression.channel,
        "address": suppression.address,
        "reason": suppression.reason,
    }
