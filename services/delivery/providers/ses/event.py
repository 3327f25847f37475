"""Events of SES, read: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from services.delivery.providers.mail import enhanced_status
from services.delivery.providers.ses import tags
from services.delivery.rules.provider import Rejection
from services.delivery.rules.receipts import Receipt
from shared.observe.logs import logger

PROVIDER = "ses"

#: Words that SES chooses; what mail servers and people wrote can hold addresses, and is left out.
_WORD = re.compile(r"[A-Za-z0-9._-]+")
#: On Amazon's list of addresses that must not get mail: SES took the email over and dropped it.
_LISTED = "OnAccountSuppressionList"
#: How SES says that it did not even try an address that bounced before.
_SUPPRESSED = frozenset({"Suppressed", _LISTED})
#: Enhanced statuses, less their class: sender's address and system, full mailbox, email too long for it.
_NOT_THE_ADDRESS = frozenset({"1.7", "1.8", "2.2", "2.3"})
#: The one kind of report on spam which says that it was none.
_NO_COMPLAINT = "not-spam"

log = logger(__name__)


def read(text: str) -> list[Receipt]:
    """What a verified event says of a notification; nothing if it is not about one of Pulse's, or on the way only."""
    event = _parsed(text)
    about = _READERS.get(_word(event, "eventType"))
    if about is None:
        return []
    mail = _part(event, "mail")
    ref, message_id = tags.read(mail.get("tags")), _word(mail, "messageId", longest=200)
    if ref is None or not message_id:
        log.info("an event of SES names no notification", kind=_word(event, "eventType"))
        return []
    if tags.is_about_copies(mail.get("tags"), _recipients(event)):
        return []
    return about(event, _Report(*ref, message_id))


class _Report:
    """Makes receipts for one email."""

    def __init__(self, tenant_id: str, notification_id: str, message_id: str) -> None:
        self._named = (tenant_id, notification_id, PROVIDER, message_id)

    def __call__(self, status: str, code: str = "", message: str = "", rejection: Rejection | None = None) -> Receipt:
        return Receipt(*self._named, status, code, message, rejection)


def _delivery(_event: Mapping[str, Any], report: _Report) -> list[Receipt]:
    return [report("DELIVERED")]


def _bounce(event: Mapping[str, Any], report: _Report) -> list[Receipt]:
    """A lasting word on the address is only a permanent bounce for its own sake."""
    bounce = _part(event, "bounce")
    kind, how = _word(bounce, "bounceType") or "Undetermined", _word(bounce, "bounceSubType")
    status = _enhanced_status(bounce)
    gone = kind == "Permanent" and (how in _SUPPRESSED or not _is_about_email(status))
    rejection = Rejection.GONE if gone else None
    said = ", ".join(filter(None, (how, status)))
    message = f"SES reports a bounce: {kind}" + (f" ({said})" if said else "")
    return [report("UNDELIVERED", f"BOUNCE_{kind.upper()}", message, rejection)]


def _complaint(event: Mapping[str, Any], report: _Report) -> list[Receipt]:
    """Who complains has got it, unless SES held it back for an earlier complaint."""
    complaint = _part(event, "complaint")
    how = _word(complaint, "complaintFeedbackType")
    if how == _NO_COMPLAINT:
        return []
    if _word(complaint, "complaintSubType") == _LISTED:
        message = "SES did not send it: the address is on the account's suppression list for a complaint"
        return [report("UNDELIVERED", "COMPLAINT", message, Rejection.COMPLAINED)]
    message = "the recipient called it spam" + (f" ({how})" if how else "")
    return [report("DELIVERED"), report("SENT", "COMPLAINT", message, Rejection.COMPLAINED)]


def _reject(_event: Mapping[str, Any], report: _Report) -> list[Receipt]:
    return [report("UNDELIVERED", "REJECTED", "SES did not send it: it found malware")]


#: Those that end something; the others (Send, DeliveryDelay, Open, Click, …) say nothing that Pulse keeps.
_READERS: Mapping[str, Callable[[Mapping[str, Any], _Report], list[Receipt]]] = {
    "Delivery": _delivery,
    "Bounce": _bounce,
    "Complaint": _complaint,
    "Reject": _reject,
}


#: Where each kind of event names its recipients.
_RECIPIENTS = (("delivery", "recipients"), ("bounce", "bouncedRecipients"), ("complaint", "complainedRecipients"))


def _recipients(event: Mapping[str, Any]) -> list[str]:
    """Who it is about; an event that names nobody, of an email that was not sent at all, is about all."""
    named = [one for part, name in _RECIPIENTS for one in _list(_part(event, part).get(name))]
    if not named:
        named = _list(_part(event, "mail").get("destination"))
    found = [one.get("emailAddress") if isinstance(one, dict) else one for one in named]
    return [one for one in found if isinstance(one, str)]


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _enhanced_status(bounce: Mapping[str, Any]) -> str:
    """RFC 3463's code of the first recipient, there is one: 5.1.1 say; empty for what has not its form."""
    recipients = bounce.get("bouncedRecipients")
    first = recipients[0] if isinstance(recipients, list) and recipients else {}
    status = _word(first, "status") if isinstance(first, dict) else ""
    return status if enhanced_status.is_well_formed(status) else ""


def _is_about_email(status: str) -> bool:
    """Whether it is the email, its sender or policy that was refused, or a mailbox that is full today."""
    detail = enhanced_status.detail(status)
    return detail.startswith(("3.", "6.", "7.")) or detail in _NOT_THE_ADDRESS


def _parsed(text: str) -> Mapping[str, Any]:
    """Empty for what is no event: SES also publishes a sentence, to see whether the topic can be published to."""
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _part(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = found.get(name)
    return part if isinstance(part, dict) else {}


def _word(found: Mapping[str, Any], name: str, longest: int = 40) -> str:
    value = found.get(name)
    return value if isinstance(value, str) and len(value) <= longest and _WORD.fullmatch(value) else ""
