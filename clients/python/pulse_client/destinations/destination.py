"""Where notifications of channel CHAT can go, as it comes back: without its address."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True)
class Destination:
    """A room or channel of a chat service, registered under a name.

    ``fingerprint`` tells one address from another; ``key_id`` names the key that the address is encrypted with.
    """

    name: str
    kind: str
    host: str
    fingerprint: str
    key_id: str
    create_time: dt.datetime | None
    update_time: dt.datetime | None
