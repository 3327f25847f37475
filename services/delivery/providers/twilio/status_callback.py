"""Twilio's status callbacks, read: https://www.twilio.com/docs/messaging/api/message-resource#message-status-values."""

from __future__ import annotations

from urllib.parse import parse_qsl

from services.delivery.providers.twilio.twilio_errors import REJECTIONS
from services.delivery.rules.receipts import Receipt
from shared.errors import Code, PulseError

#: A callback has about 15 fields; more is none.
MOST_FIELDS = 100
LARGEST_FORM = 64 * 1024

#: What a state means; those on the way there say nothing that Pulse does not know.
_STATUSES = {"delivered": "DELIVERED", "read": "DELIVERED", "undelivered": "UNDELIVERED", "failed": "UNDELIVERED"}
_ON_THE_WAY = frozenset({"accepted", "scheduled", "queued", "sending", "sent", "receiving", "received", "canceled"})
_REJECTIONS = {str(code): rejection for code, rejection in REJECTIONS.items()}


def parse_form(body: bytes) -> dict[str, str]:
    """Reads a form (application/x-www-form-urlencoded), empty values included; raises INVALID_ARGUMENT."""
    if len(body) > LARGEST_FORM:
        raise _bad_callback("the form is too large")
    try:
        fields = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise _bad_callback("the body is not a form") from None
    if len(dict(fields)) != len(fields):
        raise _bad_callback("a field is given twice")
    return dict(fields)


def read(provider: str, tenant_id: str, notification_id: str, form: dict[str, str]) -> Receipt | None:
    """The receipt in a verified form; None for a state on the way. Raises INVALID_ARGUMENT."""
    sid, state = form.get("MessageSid", ""), form.get("MessageStatus", "")
    if not sid or not state:
        raise _bad_callback("MessageSid and MessageStatus are needed")
    if state in _ON_THE_WAY:
        return None
    if state not in _STATUSES:
        raise _bad_callback("MessageStatus is not known")
    code = form.get("ErrorCode", "")
    failed = _STATUSES[state] == "UNDELIVERED"
    return Receipt(
        tenant_id=tenant_id,
        notification_id=notification_id,
        provider=provider,
        provider_message_id=sid,
        status=_STATUSES[state],
        failure_code=(code if code.isdigit() else "UNDELIVERED") if failed else "",
        failure_message=f"Twilio reports {state}" if failed else "",
        rejection=_REJECTIONS.get(code) if failed else None,
    )


def _bad_callback(why: str) -> PulseError:
    return PulseError(Code.INVALID_ARGUMENT, "BAD_CALLBACK", why)
