"""Whether a channel can carry what a recipient is to see: a provider would refuse it for good."""

from __future__ import annotations

from shared.errors import invalid_field
from shared.text import channel_bounds
from shared.text.rendering import Rendered

#: As long as any id that the notification will have.
_ANY_ID = "0" * 36


def check(channel: str, subject: str, rendered: Rendered) -> None:
    """Raises INVALID_ARGUMENT; ``subject`` is the request's own, which takes the place of the rendered one."""
    if channel == "SMS":
        _check_sms(rendered.body)
    elif channel == "PUSH":
        _check_push(subject or rendered.subject, rendered.body)


def _check_sms(body: str) -> None:
    if channel_bounds.says_nothing(body):
        raise invalid_field("context", "SMS_EMPTY", "makes an SMS in which there is nothing to see")
    length = channel_bounds.sms_length(body)
    if length > channel_bounds.LONGEST_SMS:
        raise invalid_field(
            "context",
            "SMS_TOO_LONG",
            f"makes an SMS of {length} characters; at most {channel_bounds.LONGEST_SMS} can be sent",
            "an emoji counts as two characters or more",
        )


def _check_push(title: str, body: str) -> None:
    size = channel_bounds.push_bytes(channel_bounds.push_payload(_ANY_ID, title, body))
    if size > channel_bounds.LARGEST_PUSH:
        raise invalid_field(
            "context",
            "PUSH_TOO_LARGE",
            f"makes a push of {size} bytes; at most {channel_bounds.LARGEST_PUSH} can be sent",
            "title, text and the notification's id count as JSON: a line end or a quotation mark takes two bytes",
        )
