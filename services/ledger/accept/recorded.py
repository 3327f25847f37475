"""What was just recorded, as it would be read."""

from __future__ import annotations

import datetime as dt

from services.ledger.accept.entry_columns import Draft
from services.ledger.accept.entry_fallbacks import first_fallback
from services.ledger.rules.delivery import Delivery


def delivery(draft: Draft, now: dt.datetime) -> Delivery:
    """The delivery of a draft that was recorded at ``now`` and that its state lets go."""
    entry, state = draft.entry, draft.state
    assert entry.channel is not None and entry.lane is not None  # noqa: S101 -- or it was refused
    assert state.due_at is not None  # noqa: S101 -- or it goes nowhere
    times = first_fallback(entry.fallbacks, state.ready_at, state.due_at)
    return Delivery(
        tenant_id=entry.tenant_id,
        notification_id=entry.notification_id,
        status=state.status,
        channel=entry.channel,
        lane=entry.lane,
        guarantee=entry.guarantee,
        route=entry.route,
        max_attempts=draft.max_attempts,
        expires_at=entry.expires_at,
        due_at=times["due_at"],
        ready_at=state.ready_at,
        lease_until=None,
        fence=0,
        attempt=0,
        attempt_limit=draft.max_attempts,
        route_index=0,
        provider="",
        provider_message_id="",
        failure_code="",
        failure_message="",
        early_receipt=None,
        last_attempt_at=None,
        sent_at=None,
        delivered_at=None,
        updated_at=now,
        revision=1,
        fallbacks=times["fallbacks"],
        fallback_at=times["fallback_at"],
        drawn=state.drawn,
    )
