"""Whether a channel can carry what a recipient is to see: a provider would refuse it for good."""

from __future__ import annotations

from services.gateway.rules import email_rules, push_rules, whatsapp
from services.gateway.rules.addresses import Addresses
from shared.channel.table import Address, Channel
from shared.errors import invalid_field
from shared.saying.said import NOTHING, Said
from shared.text import channel_bounds, sms_segments
from shared.text.rendering import Rendered

#: As long as any id that the notification will have.
_ANY_ID = "0" * 36


def check(channel: Channel, subject: str, rendered: Rendered, said: Said, addresses: Addresses) -> None:
    """Raises INVALID_ARGUMENT; ``subject`` is the request's own, which takes the place of the rendered one.

    ``said`` is what is said beside subject and text, the request's laid over the template's.
    """
    if said is not NOTHING:
        _check_said(channel, said, addresses)
    bound = channel.facts.bound
    if bound is None or bound.in_its_place(said):
        return
    body = sms_segments.body_of(channel, rendered.body, said)
    if bound.reason_if_empty and channel_bounds.says_nothing(body):
        raise invalid_field("context", bound.reason_if_empty, f"makes {bound.what} in which there is nothing to see")
    size = bound.size(_ANY_ID, subject or rendered.subject, body, said)
    if size > bound.most:
        description = f"makes {bound.what} of {size} {bound.unit}; at most {bound.most} can be sent"
        raise invalid_field("context", bound.reason, description, bound.hint)
    if said.sms.max_segments is not None and channel.facts.in_segments:
        _check_segments(sms_segments.count(body), said.sms.max_segments)


def _check_said(channel: Channel, said: Said, addresses: Addresses) -> None:
    if channel.facts.address is Address.DEVICE:
        push_rules.check(said.push)
    elif channel.facts.address is Address.MAILBOX:
        email_rules.check(said.email, addresses)
    whatsapp.check(said.whatsapp)


def _check_segments(segments: int, most: int) -> None:
    if segments > most:
        description = f"makes an SMS of {segments} segments; sms.max_segments allows {most}"
        hint = "the preview tells what a text takes; sms.transliterate may spare some"
        raise invalid_field("context", "SMS_TOO_MANY_SEGMENTS", description, hint)
