"""Twilio's status callbacks, read: https://www.twilio.com/docs/messaging/api/message-resource#message-status-values."""

from __future__ import annotations

from urllib.parse import parse_qsl

from services.delivery.providers.twilio.twilio_errors import REJECTIONS
from services.delivery.rules.receipts import Receipt

#: A callback has about 15 fields; more is none.
MOST_FIELDS = 100
LARGEST_FORM = 64 * 1024

#: What a state means; those on the way there say nothing that Pulse does not know.
_STATUSES = {"delivered": "DELIVERED", "read": "DELIVERED", "undelivered": "UNDELIVERED", "failed": "UNDELIVERED"}
_ON_THE_WAY = frozenset({"accepted", "scheduled", "queued", "sending", "sent", "receiving", "received", "canceled"})
_REJECTIONS = {str(code): rejection for code, rejection in REJECTIONS.items()}


class BadCallback(ValueError):
    """Not a status callback; the text says why."""


def parse_form(body: bytes) -> dict[str, str]:
    """Reads a form (application/x-www-form-urlencoded), empty values included; raises :class:`BadCallback`."""
    if len(body) > LARGEST_FORM:
        raise BadCallback("the form is too large")
    try:
        fields = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise BadCallback("the body is not a form") from None
    if len(dict(fields)) != len(fields):
        raise BadCallback("a field is given twice")
    return dict(fields)


def read(tenant_id: str, notification_id: str, form: dict[str, str]) -> Receipt | None:
    """The receipt in a verified form; None for a state on the way. Raises :class:`BadCallback`."""
    sid, state = form.get("MessageSid", ""), form.get("MessageStatus", "")
    if not sid or not state:
        raise BadCallback("MessageSid and MessageStatus are needed")
    if state in _ON_THE_WAY:
        return None
    if state not in _STATUSES:
        raise BadCallback("MessageStatus is not known")
    code = form.get("ErrorCode", "")
    failed = _STATUSES[state] == "UNDELIVERED"
    return Receipt(
        tenant_id=tenant_id,
        notification_id=notification_id,
        provider="twilio",
        provider_message_id=sid,
        status=_STATUSES[state],
        failure_code=(code if code.isdigit() else "UNDELIVERED") if failed else "",
        failure_message=f"Twilio reports {state}" if failed else "",
        rejection=_REJECTIONS.get(code) if failed else None,
    )
