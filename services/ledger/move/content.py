"""What a worker needs to send a notification, besides its state; as much of it as one answer may hold."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from services.ledger.move import digests
from services.ledger.move.sql import DEVICE_REFUSED
from services.ledger.postgres import sql
from services.ledger.postgres.postgres import Connection
from services.ledger.rules.delivery import Ref

#: What the notifications of one claim weigh together, bytes; one that is heavier goes alone. What is not weighed here
#: (a fallback's address, names, times) comes on top: 1,000 of the longest stay far below what a message may hold.
MOST_BYTES = 4 * 1024 * 1024
#: What names and times take in the answer as a rule, bytes.
_AROUND = 300
#: What a device takes beside its token, bytes.
AROUND_DEVICE = 60

# What an answer holds of a notification, bytes: PostgreSQL knows how long a text is without reading it. One that tells
# a digest holds, beside its own context, those that were collected.
_BYTES = f"""
octet_length(n.user_id) + octet_length(n.recipient) + octet_length(n.subject) + octet_length(n.context_json)
    + octet_length(n.metadata::text) + coalesce(octet_length(n.asked), 0) + coalesce(t.bytes, 0)
    + {_AROUND}
    + CASE WHEN n.collapsed_into = n.notification_id THEN (
        SELECT least({digests.MOST_BYTES}, coalesce(sum(octet_length(e.context_json)), 0)) FROM (
            SELECT e.context_json FROM notifications e
            WHERE e.tenant_id = n.tenant_id AND e.collapsed_into = n.notification_id
            ORDER BY e.notification_id LIMIT {digests.MOST_ENTRIES}
        ) e
    ) ELSE 0 END"""  # noqa: S608 -- made of constants

# The content of a batch, and what is known of its recipients: whether, when and where. Contexts are read as long as
# they fit, the lightest first, one at the least; NULL stands for the others.
CONTENT = f"""
SELECT c.tenant_id, c.notification_id::text, c.user_id, c.recipient, c.subject,
    CASE WHEN sum(c.bytes) OVER lightest <= {MOST_BYTES} OR row_number() OVER lightest = 1 THEN c.context_json END,
    c.template_name, c.template_version, c.locale, c.traceparent, c.created_at, c.category, c.asked, c.tells_digest,
    c.metadata, c.bytes, c.preferences, c.suppressions, c.devices
FROM (
    SELECT n.tenant_id, n.notification_id, n.user_id, n.recipient, n.subject, n.context_json, n.template_name,
        n.template_version, n.locale, n.traceparent, n.created_at, n.category, n.asked,
        coalesce(n.collapsed_into = n.notification_id, FALSE) AS tells_digest, {_BYTES} AS bytes,
        CASE WHEN n.metadata::text <> '{{}}' THEN n.metadata END AS metadata,
        to_json(p) AS preferences,
        (SELECT json_agg(json_build_array(s.channel, s.address, s.category, s.reason)) FROM suppressions s
         WHERE s.tenant_id = n.tenant_id AND s.user_id = n.user_id) AS suppressions,
        t.devices
    FROM {sql.REFS} JOIN notifications n USING (tenant_id, notification_id)
    LEFT JOIN preferences p ON p.tenant_id = n.tenant_id AND p.user_id = n.user_id
    LEFT JOIN LATERAL (
        SELECT sum({AROUND_DEVICE} + octet_length(t.token)) AS bytes,
            json_agg(json_build_array(t.device_token_id, t.token, t.kind)
                ORDER BY t.updated_at DESC, t.device_token_id) AS devices
        FROM device_tokens t
        WHERE t.tenant_id = n.tenant_id AND t.user_id = n.user_id AND NOT {DEVICE_REFUSED}
    ) t ON TRUE
) c
WINDOW lightest AS (ORDER BY c.bytes, c.tenant_id, c.notification_id ROWS UNBOUNDED PRECEDING)
"""  # noqa: S608 -- made of constants


class ClaimedDevice(NamedTuple):
    """One of several devices that a notification goes to."""

    device_token_id: str
    token: str
    provider: str
    #: That provider is not called now.
    waits: bool


class Content(NamedTuple):
    """The order is that of the statement."""

    tenant_id: str
    notification_id: str
    user_id: str
    recipient: str
    subject: str
    #: None: it does not fit into this answer.
    context_json: str | None
    template_name: str
    template_version: int
    locale: str
    traceparent: str
    created_at: dt.datetime
    category: str
    #: What only the worker reads; None: nothing.
    asked: bytes | None
    #: It tells all that was collected into its digest.
    tells_digest: bool
    #: The caller's labels; None: none.
    metadata: Mapping[str, str] | None
    #: What it weighs.
    bytes: int
    #: What is known of its recipient, as in :func:`services.ledger.rules.recipients.profile`.
    preferences: dict[str, Any] | None
    suppressions: Sequence[Sequence[str]] | None
    #: Ids, tokens and kinds of all the user's devices that it may go to, the one registered last first.
    devices: Sequence[Sequence[str]] | None
    #: The devices that it goes to, if they are several.
    targets: Sequence[ClaimedDevice] = ()

    @property
    def ref(self) -> Ref:
        return self.tenant_id, self.notification_id


async def with_digests(connection: Connection, claimed: Collection[Content]) -> Mapping[Ref, str]:
    """The contexts of those of ``claimed`` that tell a digest, with all that they tell; their digests were closed.

    What was collected between the weighing and the closing has room as well, but no more than as much again.
    """
    heads = [one for one in claimed if one.tells_digest]
    room = {one.ref: one.bytes + MOST_BYTES // len(heads) for one in heads}
    return await digests.contexts(connection, room) if room else {}
