"""What is known of a recipient: what he wants, must not get, and can be reached by. Pure data."""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from services.ledger.rules.words import Word
from shared.channel.address_keys import address_key
from shared.channel.device_kinds import DeviceKind
from shared.channel.table import Channel

#: Devices kept of one user; whoever registers one more loses the one he used least lately.
MOST_DEVICES = 100

#: Suppressions kept of one user for each reason, but for what providers say: every attempt reads all of them. Each
#: reason for itself, so that nobody is kept from unsubscribing by what others have set.
MOST_SUPPRESSIONS = 500


class Reason(Word):
    """Why a suppression is there; the names are the contract's."""

    UNSPECIFIED = "UNSPECIFIED"
    MANUAL = "MANUAL"
    BOUNCE = "BOUNCE"
    COMPLAINT = "COMPLAINT"
    UNSUBSCRIBE = "UNSUBSCRIBE"


class Rejection(enum.StrEnum):
    """A provider's word on an address; the names are the contract's. All but REFUSED last."""

    GONE = "GONE"
    REFUSED = "REFUSED"
    OPTED_OUT = "OPTED_OUT"
    COMPLAINED = "COMPLAINED"


class Choice(NamedTuple):
    """Whether one category may be sent by one channel; category empty: all that are not named."""

    category: str
    channel: Channel
    enabled: bool


class Preferences(NamedTuple):
    """What a user wants. Texts are empty where nothing was set."""

    choices: Sequence[Choice] = ()
    #: An IANA name; empty: UTC.
    time_zone: str = ""
    #: Local times, HH:MM.
    quiet_from: str = ""
    quiet_until: str = ""
    #: None: nobody set any.
    updated_at: dt.datetime | None = None


class Suppression(NamedTuple):
    """What a user must not get. The order is that of the store's queries."""

    #: None: every one.
    channel: Channel | None
    #: Empty: every one.
    address: str
    #: Empty: every one.
    category: str
    reason: Reason
    suppression_id: str = ""
    created_at: dt.datetime | None = None

    def digest(self) -> bytes:
        """SHA-256 of what it says: equal ones are one. An address may be longer than an index can hold."""
        said = json.dumps([self.channel, address_key(self.channel, self.address), self.category, self.reason])
        return hashlib.sha256(said.encode()).digest()


class Device(NamedTuple):
    """A device that pushes can go to. The order is that of the store's queries."""

    device_token_id: str
    user_id: str
    token: str
    label: str
    updated_at: dt.datetime | None = None
    #: A name of :class:`shared.channel.device_kinds.DeviceKind`, or one that only another release knows.
    kind: str = DeviceKind.FCM


class Profile(NamedTuple):
    """All of a user that decides whether and when something may be sent to him."""

    preferences: Preferences = Preferences()
    suppressions: Sequence[Suppression] = ()


#: Of nearly everybody nothing is known.
UNKNOWN = Profile()


def preferences(choices: Sequence[Mapping[str, Any]], *rest: Any) -> Preferences:
    """From a row."""
    return Preferences(
        [Choice(one["category"], Channel.read(one["channel"]), one["enabled"]) for one in choices], *rest
    )


def suppression(channel: str | None, address: str, category: str, reason: str, *rest: Any) -> Suppression:
    """From a row."""
    return Suppression(Channel.read(channel) if channel else None, address, category, Reason.read(reason), *rest)


def profile(row: Mapping[str, Any] | None, suppressions: Sequence[Sequence[str]] | None) -> Profile:
    """From a user's row of preferences and those of his suppressions; None: there are none."""
    if not row and not suppressions:
        return UNKNOWN
    wanted = Preferences()
    if row is not None:
        wanted = preferences(row["choices"], row["time_zone"], row["quiet_from"], row["quiet_until"])
    return Profile(wanted, [suppression(*one) for one in suppressions or ()])


def device_token_id(token: str) -> str:
    """The one id of a token, so that a token is kept once: UUIDv8 (RFC 9562, section 5.8) of its SHA-256."""
    number = int.from_bytes(hashlib.sha256(token.encode()).digest()[:16])
    versioned = number & ~(0xF << 76) & ~(0x3 << 62) | 0x8 << 76 | 0x2 << 62
    return str(uuid.UUID(int=versioned))
