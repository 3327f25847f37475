"""What an SMS takes, in the words of the contract."""

from __future__ import annotations

from pulse.common.v1.notification_pb2 import Decision
from pulse.common.v1.saying_pb2 import SmsSize as SmsSizeMessage
from shared.text.sms_segments import SmsSize


def message(size: SmsSize) -> SmsSizeMessage:
    """For answers, and for the router, which counts its price."""
    encoding = SmsSizeMessage.Encoding.Value(size.encoding)
    return SmsSizeMessage(segments=size.segments, encoding=encoding, unicode_character=size.unicode_character)


def decision(size: SmsSize) -> Decision:
    """For the timeline. Of the text it tells one character at the most: the rest may be personal."""
    result = f"{size.segments} segment{'s' if size.segments > 1 else ''}, {size.encoding}"
    reason = "GSM-7 has all of its characters: 160 in one segment, 153 in each of several."
    if size.unicode_character:
        reason = f"GSM-7 lacks {_named(size.unicode_character)}: 70 characters in one segment, 67 in each of several."
    return Decision(rule="sms", result=result, reason=reason)


def _named(sign: str) -> str:
    """With its number, as it may be one that nobody sees."""
    number = f"U+{ord(sign):04X}"
    return f'"{sign}" ({number})' if sign.isprintable() else number
