"""What is kept of a recipient, as it is given and as it comes back."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from pulse_client.enums import Channel, DeviceKind, SuppressionReason


@dataclass(frozen=True)
class Choice:
    """Whether one category (empty: all that are not named) may be sent by one channel."""

    channel: Channel
    enabled: bool
    category: str = ""


@dataclass(frozen=True)
class Preferences:
    """What a user wants; what is not chosen may be sent.

    Quiet hours go from ``quiet_from`` to ``quiet_until``, both "HH:MM" in ``time_zone`` (an IANA name; empty: UTC).
    """

    user_id: str
    choices: tuple[Choice, ...] = ()
    time_zone: str = ""
    quiet_from: str = ""
    quiet_until: str = ""
    update_time: dt.datetime | None = None


@dataclass(frozen=True)
class Suppression:
    """What a user must not get: by a channel (UNSPECIFIED: any), at an address, of a category (empty: all)."""

    suppression_id: str
    user_id: str
    channel: Channel
    address: str
    category: str
    reason: SuppressionReason
    create_time: dt.datetime | None


@dataclass(frozen=True)
class DeviceToken:
    """A device that pushes go to; a browser's ``token`` is the JSON of its subscription."""

    device_token_id: str
    user_id: str
    token: str
    label: str
    update_time: dt.datetime | None
    kind: DeviceKind = DeviceKind.FCM
