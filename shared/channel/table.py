"""The channels: how a recipient is reached. Each has one entry here, and nothing else lists them.

An entry's name is that of the contract (``pulse.common.v1.Channel``). Services ask an entry what they need to know, and
do not compare names: so a new channel is a new entry. CONTRIBUTING.md has the few other places. Pure.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Self

from shared.text.channel_bounds import PUSH_PAYLOAD, SMS_TEXT, WHATSAPP_TEXT, Bound
from shared.text.chat_bounds import CHAT_TEXT


class Address(enum.Enum):
    """What the addresses of a channel are, and so which rules they keep."""

    MAILBOX = "mail address"
    PHONE = "phone number"
    DEVICE = "device token"
    DESTINATION = "destination's name"

    @classmethod
    def looks_like(cls, text: str) -> Address:
        """What an address is that comes without a channel."""
        if "@" in text:
            return cls.MAILBOX
        return cls.PHONE if text.startswith("+") else cls.DEVICE


class SenderKind(enum.Enum):
    """What the senders of a channel are, in words."""

    MAILBOX = "a mail address"
    TEXT = (
        "a number in E.164, a short code of 3 to 8 digits, an id of at most 11 letters and digits with a letter in it, "
        "or a messaging service (MG and 32 hexadecimal digits)"
    )
    NUMBER = "a number in E.164 or a messaging service (MG and 32 hexadecimal digits)"


class Heading(enum.Enum):
    """What stands above the text."""

    NONE = ""
    SUBJECT = "subject"
    TITLE = "title"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a channel."""

    address: Address
    heading: Heading
    #: Its name as people write it, and what is sent by it as a recipient calls it.
    title: str
    in_words: str
    #: The provider that serves it where no route is set.
    usual_provider: str
    #: How it is drawn: a CSS colour on light ground, and one on dark.
    colours: tuple[str, str]
    #: Whether a request must name an address; if not, the user's registered devices stand for it.
    needs_address: bool = True
    #: The most that it carries; None: what its provider takes.
    bound: Bound | None = None
    #: Whether its servers are away for hours at times, so that it is tried for long.
    patient: bool = False
    #: Whether each costs money, by the beginning of the number: it has limits for that, and does not go uncounted.
    priced: bool = False
    #: Whether a text is sent, and paid, in segments.
    in_segments: bool = False
    #: Whether it carries HTML, of which a text can be made.
    carries_html: bool = False
    #: What its senders are; None: it has none that could be registered.
    sender: SenderKind | None = None


class Channel(enum.StrEnum):
    """One way to a recipient; its text is its name in the contract."""

    facts: Facts
    #: Equal names are equal texts; the enum's own way is Python, and takes ten times as long.
    __hash__ = str.__hash__

    def __new__(cls, name: str, facts: Facts) -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.facts = facts
        return member

    EMAIL = (
        "EMAIL",
        Facts(
            Address.MAILBOX,
            Heading.SUBJECT,
            "Email",
            "mail",
            "smtp",
            ("#2563eb", "#7fb0ff"),
            patient=True,
            carries_html=True,
            sender=SenderKind.MAILBOX,
        ),
    )
    SMS = (
        "SMS",
        Facts(
            Address.PHONE,
            Heading.NONE,
            "SMS",
            "text messages",
            "twilio",
            ("#0f8a5f", "#5fd3a6"),
            bound=SMS_TEXT,
            priced=True,
            in_segments=True,
            sender=SenderKind.TEXT,
        ),
    )
    PUSH = (
        "PUSH",
        Facts(
            Address.DEVICE,
            Heading.TITLE,
            "Push",
            "push notifications",
            "fcm",
            ("#a21caf", "#e39bf0"),
            needs_address=False,
            bound=PUSH_PAYLOAD,
        ),
    )
    WHATSAPP = (
        "WHATSAPP",
        Facts(
            Address.PHONE,
            Heading.NONE,
            "WhatsApp",
            "WhatsApp messages",
            "twilio_whatsapp",
            ("#0e7490", "#67d3e8"),
            bound=WHATSAPP_TEXT,
            sender=SenderKind.NUMBER,
        ),
    )
    CHAT = (
        "CHAT",
        Facts(
            Address.DESTINATION,
            Heading.TITLE,
            "Chat",
            "chat messages",
            "apprise",
            ("#b45309", "#f5b567"),
            bound=CHAT_TEXT,
        ),
    )

    @classmethod
    def named(cls, name: str) -> Channel | None:
        """The channel of that name, in any case; None: there is none, or only in a release newer than this."""
        return _BY_NAME.get(name.upper())

    @classmethod
    def read(cls, name: str) -> Channel:
        """The channel of that name, as rows hold it; :data:`UNKNOWN` for one that only another release knows."""
        return _BY_NAME.get(name, UNKNOWN)


def _unknown() -> Channel:
    member = str.__new__(Channel, "UNSPECIFIED")
    member._value_ = member._name_ = "UNSPECIFIED"
    member.facts = Facts(Address.DEVICE, Heading.NONE, "unspecified", "it", "", ("", ""))
    return member


#: Stands where a row names a channel that only another release knows. It is none of the channels: nothing goes by it.
UNKNOWN = _unknown()

_BY_NAME = {channel.value: channel for channel in Channel}

#: As people and the paths of the original spell them.
NAMES = tuple(channel.lower() for channel in Channel)


def needs_address(name: str) -> bool:
    """Whether a request by the channel of that name must name an address; True where there is no such channel."""
    channel = Channel.named(name)
    return channel is None or channel.facts.needs_address


#: The channel whose messages also go in copy.
WITH_COPIES = Channel.EMAIL
