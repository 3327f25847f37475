"""Whether a channel can carry what a recipient is to see: a provider would refuse it for good."""

from __future__ import annotations

from services.gateway.rules import email_rules, push_rules, whatsapp
from services.gateway.rules.addresses import Addresses
from shared.channel.sent_texts import body_of
from shared.channel.table import Address, Channel
from shared.errors import PulseError, invalid_field
from shared.saying.said import NOTHING, Said, Sms
from shared.text import channel_bounds
from shared.text.channel_bounds import Bound
from shared.text.rendering import Rendered
from shared.text.sms_segments import SmsSize, measure

#: As long as any id that the notification will have.
_ANY_ID = "0" * 36


def check(
    channel: Channel, subject: str, rendered: Rendered, said: Said, addresses: Addresses, bound: Bound | None = None
) -> SmsSize | None:
    """What it takes as SMS, None by other channels; raises INVALID_ARGUMENT.

    ``bound`` is the address's own, where the channel's is not that of all its addresses.

    ``subject`` is the request's own, which takes the place of the rendered one. ``said`` is what is said beside subject
    and text, the request's laid over the template's.
    """
    if said is not NOTHING:
        _check_said(channel, said, addresses)
    bound = bound or channel.facts.bound
    if bound is None or bound.in_its_place(said):
        return None
    body = body_of(channel, rendered.body, said)
    if bound.reason_if_empty and channel_bounds.says_nothing(body):
        raise invalid_field("context", bound.reason_if_empty, f"makes {bound.what} in which there is nothing to see")
    size = bound.size(_ANY_ID, subject or rendered.subject, body, said)
    if size > bound.most:
        description = f"makes {bound.what} of {size} {bound.unit}; at most {bound.most} can be sent"
        raise invalid_field("context", bound.reason, description, bound.hint)
    return _segments(body, said.sms) if channel.facts.in_segments else None


def _check_said(channel: Channel, said: Said, addresses: Addresses) -> None:
    if channel.facts.address is Address.DEVICE:
        push_rules.check(said.push)
    elif channel.facts.address is Address.MAILBOX:
        email_rules.check(said.email, addresses)
    whatsapp.check(said.whatsapp)


def _segments(body: str, sms: Sms) -> SmsSize:
    size = measure(body)
    if sms.max_segments is not None and size.segments > sms.max_segments:
        raise _too_many(size, sms)
    return size


def _too_many(size: SmsSize, sms: Sms) -> PulseError:
    hint = ""
    if size.unicode_character and not sms.transliterate:
        hint = "GSM-7 lacks one of its characters, so that a segment holds 70 and not 160: sms.transliterate helps"
    description = (
        f"makes an SMS of {size.segments} segments in {size.encoding}; sms.max_segments allows {sms.max_segments}"
    )
    refusal = invalid_field("context", "SMS_TOO_MANY_SEGMENTS", description, hint)
    refusal.metadata = {"segments": str(size.segments), "max_segments": str(sms.max_segments)}
    return refusal
