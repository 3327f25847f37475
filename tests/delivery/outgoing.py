"""Makes what a provider is given."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from typing import Any

from requests.adapters import HTTPAdapter

from services.delivery.providers.base import Outgoing


def outgoing(to: str = "ada@example.org", **more: Any) -> Outgoing:
    values = {
        "notification_id": str(uuid.uuid4()),
        "tenant_id": "default",
        "attempt": 1,
        "to": to,
        "subject": "Hello",
        "body": "Hi there.",
        "html_body": "",
        "created_at": dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
    }
    return Outgoing(**{**values, **more})


def within(seconds: float = 3.0) -> float:
    """A deadline so far from now."""
    return time.monotonic() + seconds


def connections(adapter: HTTPAdapter) -> int:
    """How many connections the adapter has opened so far."""
    pools = adapter.poolmanager.pools
    return sum(pools[key].num_connections for key in pools.keys())  # noqa: SIM118  # no mapping, but has keys
