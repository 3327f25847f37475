"""Until when providers asked not to be called again for a notification: its timeline says so, and is read for it.

A provider that asked is left alone for that notification, however often its route is gone through meanwhile.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from services.ledger.rules.delivery import Ref

#: The rule under which an attempt's end says until when its provider asked to be left alone.
RULE = "retry_after"
#: A provider's name to that time; those that did not ask are left out.
Rests = Mapping[str, dt.datetime]
NO_RESTS: Rests = MappingProxyType({})


def asked(provider: str, until: dt.datetime) -> Mapping[str, str]:
    """The decision that says so; it can be read again to the microsecond."""
    at = until.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {"rule": RULE, "result": at, "reason": f"{provider} asked not to be called again before then"}


def rests(rows: Iterable[tuple[Any, ...]]) -> dict[Ref, dict[str, dt.datetime]]:
    """From the rows of :data:`services.ledger.postgres.sql.RESTS`: the latest of each provider."""
    found: dict[Ref, dict[str, dt.datetime]] = {}
    for tenant_id, notification_id, provider, said in rows:
        until = dt.datetime.fromisoformat(said)
        known = found.setdefault((tenant_id, notification_id), {})
        known[provider] = max(known.get(provider, until), until)
    return found
