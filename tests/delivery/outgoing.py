"""Makes what a provider is given."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from typing import Any

from pulse.common.v1.asked_pb2 import Asked
from services.delivery.rules.claim import ClaimedNotification
from services.delivery.rules.provider import Outgoing


def outgoing(to: str = "ada@example.org", **more: Any) -> Outgoing:
    values = {
        "notification_id": str(uuid.uuid4()),
        "tenant_id": "default",
        "channel": "EMAIL",
        "attempt": 1,
        "to": to,
        "subject": "Hello",
        "body": "Hi there.",
        "html_body": "",
        "created_at": dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
    }
    return Outgoing(**{**values, **more})


#: Of what was asked for, what a worker reads.
READ = ("user_id", "subject", "context_json", "template_name", "template_version", "locale", "category")


def claim(**more: Any) -> ClaimedNotification:
    """A claim as a worker holds it; what it was asked for goes with the rest of ``more``."""
    now = dt.datetime.now(dt.UTC)
    asked = Asked(context_json="{}", template_name="t", template_version=1)
    asked.MergeFrom(Asked(**{name: more.pop(name) for name in [*more] if name in READ}))
    values: dict[str, Any] = {
        "tenant_id": "default",
        "notification_id": "1",
        "fence": 1,
        "attempt": 1,
        "provider": "smtp",
        "channel": "EMAIL",
        "to": "ada@example.org",
        "asked": asked,
        "created_at": now,
        "ready_at": now,
        "lease_until": time.monotonic() + 12,
        "expires_at": None,
    }
    return ClaimedNotification(**{**values, **more})


def within(seconds: float = 3.0) -> float:
    """A deadline so far from now."""
    return time.monotonic() + seconds
