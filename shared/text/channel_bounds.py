"""What one SMS or push can carry at the most: known at the door, and the same for the workers that send them. Pure."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.saying.said import NOTHING, Push, Said

#: Longest text of an SMS, all its segments together, as Twilio and Amazon SNS take it; :func:`sms_length` counts.
LONGEST_SMS = 1600
#: Longest text of a WhatsApp message, as Twilio takes it; WhatsApp itself takes 4,096. Counted alike.
LONGEST_WHATSAPP = 1600
#: https://firebase.google.com/docs/cloud-messaging: notification and data of a push together, bytes.
LARGEST_PUSH = 4096

#: The key of a push's data by which an app knows it.
NOTIFICATION_ID = "notification_id"

#: Letters and marks that show nothing by themselves, which no category tells: fillers, joiners, variation selectors.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
#: Controls, formats, spaces and line ends.
_BLANK_CATEGORIES = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})


def sms_length(text: str) -> int:
    """Its length as providers bound it: in UTF-16 code units, of which an emoji takes two or more."""
    return len(text.encode("utf-16-le", "replace")) // 2


def says_nothing(text: str) -> bool:
    """Whether nobody would see anything of it: empty, blanks, characters without a shape."""
    return all(unicodedata.category(sign) in _BLANK_CATEGORIES or _BLANK.match(sign) for sign in text)


def push_payload(notification_id: str, title: str, body: str, push: Push = NOTHING.push) -> dict[str, Any]:
    """What a push carries: without a title it has none, and a silent one shows nothing.

    ``options`` is what each kind of device is told beside; it is missing where there is nothing.
    """
    notification = {"title": title, "body": body} if title else {"body": body}
    data = {NOTIFICATION_ID: notification_id}
    if push is NOTHING.push:
        return {"notification": notification, "data": data}
    payload: dict[str, Any] = {} if push.silent else {"notification": notification}
    payload["data"] = {**push.data, **data}
    if push.link and not push.silent:
        payload["data"].setdefault("link", push.link)
    options = {name: value for name, value in push._asdict().items() if name != "data" and value}
    return payload | {"options": options} if options else payload


def push_bytes(payload: dict[str, Any]) -> int:
    """Its length as JSON: what stands in quotes, a line end say, takes two bytes or more."""
    return len(json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that one notification of a channel carries."""

    #: What it is called with its article, ``an SMS`` say, and what its size is counted in.
    what: str
    unit: str
    most: int
    #: The reason of the refusal of what is larger, and why it may be larger than it looks.
    reason: str
    hint: str
    #: The size of an id, a heading, a text, and what is said beside them.
    size: Callable[[str, str, str, Said], int]
    #: The reason of the refusal of a text that shows nothing; empty: it may show nothing.
    reason_if_empty: str = ""
    #: Whether what is said beside the text is sent in its place, so that the text has no bound.
    in_its_place: Callable[[Said], bool] = lambda _said: False

    def is_kept(self, notification_id: str, heading: str, body: str, said: Said) -> bool:
        """Whether it is not too large."""
        return self.size(notification_id, heading, body, said) <= self.most


SMS_TEXT = Bound(
    "an SMS",
    "characters",
    LONGEST_SMS,
    "SMS_TOO_LONG",
    "an emoji counts as two characters or more",
    lambda _id, _heading, body, _said: sms_length(body),
    "SMS_EMPTY",
)
WHATSAPP_TEXT = Bound(
    "a WhatsApp message",
    "characters",
    LONGEST_WHATSAPP,
    "WHATSAPP_TOO_LONG",
    "an emoji counts as two characters or more",
    lambda _id, _heading, body, _said: sms_length(body),
    "WHATSAPP_EMPTY",
    in_its_place=lambda said: bool(said.whatsapp.content_sid),
)
PUSH_PAYLOAD = Bound(
    "a push",
    "bytes",
    LARGEST_PUSH,
    "PUSH_TOO_LARGE",
    "title, text, data, all else that is said and the notification's id count as JSON: a line end takes two bytes",
    lambda notification_id, heading, body, said: push_bytes(push_payload(notification_id, heading, body, said.push)),
)
