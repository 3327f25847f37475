"""Messages that Amazon SNS posts to a subscribed address: https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import Code, PulseError

#: SNS carries 256 KiB; quoted as JSON within JSON they are more.
LARGEST_MESSAGE = 1024 * 1024


class Kind(enum.StrEnum):
    """What a message is for; the names are those of SNS."""

    NOTIFICATION = "Notification"
    SUBSCRIPTION = "SubscriptionConfirmation"
    UNSUBSCRIPTION = "UnsubscribeConfirmation"


_OF_A_SUBSCRIPTION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
#: What is signed, in this order.
_SIGNED: Mapping[Kind, tuple[str, ...]] = {
    Kind.NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    Kind.SUBSCRIPTION: _OF_A_SUBSCRIPTION,
    Kind.UNSUBSCRIPTION: _OF_A_SUBSCRIPTION,
}
_OPTIONAL = frozenset({"Subject"})


@dataclass(frozen=True, slots=True)
class SnsMessage:
    """One message, not verified yet. ``text`` is what was published."""

    kind: Kind
    topic: str
    text: str
    made_at: dt.datetime
    subscribe_url: str  # confirms the subscription; empty for a notification
    signed: bytes  # what the signature is taken over
    signature: bytes
    signature_version: str
    certificate_url: str


def parse(body: bytes) -> SnsMessage:
    """Reads one message; raises INVALID_ARGUMENT for what is none."""
    fields = _fields(body)
    try:
        kind = Kind(fields.get("Type", ""))
    except ValueError:
        raise _bad_message("Type is not one of SNS: raw message delivery must be off") from None
    return SnsMessage(
        kind=kind,
        topic=_needed(fields, "TopicArn"),
        text=_needed(fields, "Message"),
        made_at=_time(_needed(fields, "Timestamp")),
        subscribe_url="" if kind is Kind.NOTIFICATION else _needed(fields, "SubscribeURL"),
        signed=_canonical(fields, _SIGNED[kind]),
        signature=_decoded(_needed(fields, "Signature")),
        signature_version=_needed(fields, "SignatureVersion"),
        certificate_url=_needed(fields, "SigningCertURL"),
    )


def _fields(body: bytes) -> dict[str, str]:
    """All that is text; whatever else there is, SNS does not sign."""
    if len(body) > LARGEST_MESSAGE:
        raise _bad_message("the message is too large")
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        raise _bad_message("the body is not JSON") from None
    if not isinstance(read, dict):
        raise _bad_message("the body is not a JSON object")
    return {name: value for name, value in read.items() if isinstance(value, str)}


def _needed(fields: Mapping[str, str], name: str) -> str:
    if not fields.get(name):
        raise _bad_message(f"{name} is needed")
    return fields[name]


def _canonical(fields: Mapping[str, str], names: tuple[str, ...]) -> bytes:
    """Each name and each value on a line of its own, an optional one only if it is there.

    Source: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html.
    """
    values = {name: _needed(fields, name) for name in names if name in fields or name not in _OPTIONAL}
    try:
        return "".join(f"{name}\n{value}\n" for name, value in values.items()).encode()
    except UnicodeEncodeError:
        raise _bad_message("the message holds half a character") from None


def _time(text: str) -> dt.datetime:
    try:
        read = dt.datetime.fromisoformat(text)
    except ValueError:
        raise _bad_message("Timestamp is no time") from None
    if read.tzinfo is None:
        raise _bad_message("Timestamp names no time zone")
    return read


def _decoded(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        raise _bad_message("Signature is not base64") from None


def _bad_message(why: str) -> PulseError:
    return PulseError(Code.INVALID_ARGUMENT, "BAD_MESSAGE", why)
