"""Tags of an email at SES, by which its events name the notification."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from typing import Any

from shared.ids import canonical_uuid

NOTIFICATION = "pulse_notification_id"
#: In base64 for URLs, without padding: SES takes letters, digits, ``_`` and ``-`` alone.
TENANT = "pulse_tenant"

#: The recipient of an email with copies, hashed: no address stands in a tag.
RECIPIENT = "pulse_recipient"

#: Longest value that SES takes.
LONGEST = 256


def tags(tenant_id: str, notification_id: str, recipient: str = "") -> list[dict[str, str]]:
    """As SendEmail takes them. The events of a tenant whose name is too long for a tag name nothing of Pulse.

    ``recipient`` is whose events count, where copies have events too; empty: there are none.
    """
    tenant = base64.urlsafe_b64encode(tenant_id.encode()).decode().rstrip("=")
    named = {NOTIFICATION: notification_id, TENANT: tenant, RECIPIENT: _hash(recipient) if recipient else ""}
    return [{"Name": name, "Value": value} for name, value in named.items() if 0 < len(value) <= LONGEST]


def read(found: Any) -> tuple[str, str] | None:
    """Tenant and notification, of an event's ``mail.tags``; None if they are not those of Pulse."""
    encoded, notification_id = _only(found, TENANT), canonical_uuid(_only(found, NOTIFICATION))
    try:
        tenant_id = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except (binascii.Error, ValueError):
        return None
    return (tenant_id, notification_id) if tenant_id and notification_id else None


def is_about_copies(found: Any, recipients: Iterable[str]) -> bool:
    """Whether an event with these ``mail.tags`` is about recipients of copies alone."""
    recipient = _only(found, RECIPIENT)
    return bool(recipient) and all(_hash(one) != recipient for one in recipients)


def _hash(address: str) -> str:
    return hashlib.sha256(address.lower().encode()).hexdigest()


def _only(found: Any, name: str) -> str:
    values = found.get(name) if isinstance(found, dict) else None
    one = values[0] if isinstance(values, list) and len(values) == 1 else ""
    return one if isinstance(one, str) else ""
