"""The original Pulse's words: statuses, channels, limits and ids."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from shared.channel.table import NAMES, Address, Channel, Heading
from shared.errors import invalid_field

#: The original's status for each of ours.
STATUSES = {
    "SCHEDULED": "pending",
    "QUEUED": "pending",
    "SENDING": "pending",
    "RETRYING": "retrying",
    "SENT": "sent",
    "DELIVERED": "sent",
    "FAILED": "failed",
    "UNDELIVERED": "failed",
    "UNKNOWN": "failed",
    "EXPIRED": "failed",
    "CANCELLED": "failed",
    "SUPPRESSED": "failed",
}
#: Under which key the original shows the id that a provider gave; where nothing stands here it shows none.
MESSAGE_ID_KEYS: dict[Channel | None, str] = {Channel.SMS: "twilio_sid"}

DEFAULT_LIMIT = 50
HIGHEST_LIMIT = 1000

_USER_ID = re.compile(r"[^\x00-\x1f\x7f]{0,256}")
#: Template ids are RFC 9562 name-based UUIDs (version 5) in this namespace.
_NAMESPACE = uuid.UUID("5f0a7f8e-0d5b-5c1e-9a44-3c1b6f2d7e10")


@dataclass(frozen=True)
class OriginalExtras:
    """What a send of the original gives besides; each has a meaning for one channel alone."""

    to: str
    device_token: str
    title: str
    subject: str

    def target(self, channel: Channel | None) -> str:
        """Where it goes: for push the device token is stronger than ``to``."""
        to_device = channel is not None and channel.facts.address is Address.DEVICE
        return (self.device_token or self.to) if to_device else self.to

    def heading(self, channel: Channel | None) -> str:
        """The title of a push or the subject of a mail; "" leaves the template's."""
        given = {Heading.TITLE: self.title, Heading.SUBJECT: self.subject}
        return given.get(channel.facts.heading, "") if channel is not None else ""

    def depend_on_channel(self) -> bool:
        """Whether the channel has to be known to tell what is meant."""
        return bool(self.device_token or self.title or self.subject)


def channel(text: str) -> Channel | None:
    """The channel of a name in any case, None for ""; INVALID_ARGUMENT with reason UNKNOWN_CHANNEL."""
    named = Channel.named(text)
    if text and named is None:
        raise invalid_field("channel", "UNKNOWN_CHANNEL", f"is not a channel of Pulse; it can be {', '.join(NAMES)}")
    return named


def statuses(text: str) -> list[str]:
    """Our statuses that one of the original's stands for, none for ""; INVALID_ARGUMENT."""
    if not text:
        return []
    meant = [ours for ours, theirs in STATUSES.items() if theirs == text.lower()]
    if not meant:
        raise invalid_field("status", "UNKNOWN_STATUS", "is not a status; it can be pending, sent, failed, retrying")
    return meant


def limit(text: str) -> int:
    """How many results, by default 50; more than 1,000 count as 1,000. INVALID_ARGUMENT for what is no count."""
    if not text:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= 1):
        raise invalid_field("limit", "LIMIT_INVALID", f"is not a whole number from 1 to {HIGHEST_LIMIT}")
    return min(int(text), HIGHEST_LIMIT)


def user_id(text: str) -> str:
    """A user to filter by, "" for all; INVALID_ARGUMENT for what no notification's user can be called."""
    if not _USER_ID.fullmatch(text):
        raise invalid_field("user_id", "USER_ID_INVALID", "is longer than 256 characters or holds a control character")
    return text


def template_id(tenant_id: str, name: str) -> str:
    """The template's id: the same for a name for ever."""
    return str(uuid.uuid5(_NAMESPACE, f"{tenant_id}/{name}"))
