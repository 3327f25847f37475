"""Tags of an email at SES, by which its events name the notification."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from shared.ids import canonical_uuid

NOTIFICATION = "pulse_notification_id"
#: In base64 for URLs, without padding: SES takes letters, digits, ``_`` and ``-`` alone.
TENANT = "pulse_tenant"

#: Longest value that SES takes.
LONGEST = 256


def tags(tenant_id: str, notification_id: str) -> list[dict[str, str]]:
    """As SendEmail takes them. The events of a tenant whose name is too long for a tag name nothing of Pulse."""
    tenant = base64.urlsafe_b64encode(tenant_id.encode()).decode().rstrip("=")
    named = {NOTIFICATION: notification_id, TENANT: tenant}
    return [{"Name": name, "Value": value} for name, value in named.items() if 0 < len(value) <= LONGEST]


def read(found: Any) -> tuple[str, str] | None:
    """Tenant and notification, of an event's ``mail.tags``; None if they are not those of Pulse."""
    encoded, notification_id = _only(found, TENANT), canonical_uuid(_only(found, NOTIFICATION))
    try:
        tenant_id = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except (binascii.Error, ValueError):
        return None
    return (tenant_id, notification_id) if tenant_id and notification_id else None


def _only(found: Any, name: str) -> str:
    values = found.get(name) if isinstance(found, dict) else None
    one = values[0] if isinstance(values, list) and len(values) == 1 else ""
    return one if isinstance(one, str) else ""
