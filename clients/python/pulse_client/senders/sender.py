"""A sender, as it is given and as it comes back."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from pulse_client.enums import Channel


@dataclass(frozen=True)
class Sender:
    """Who notifications may come from by one channel. Both times are Pulse's answer and are not sent.

    ``address`` is a mail address; by SMS a number, a short code, an alphanumeric id or a messaging service; by WHATSAPP
    a number or a messaging service. ``display_name`` and ``reply_to`` are for EMAIL alone.
    """

    name: str
    channel: Channel
    address: str
    display_name: str = ""
    reply_to: str = ""
    is_default: bool = False
    create_time: dt.datetime | None = None
    update_time: dt.datetime | None = None
