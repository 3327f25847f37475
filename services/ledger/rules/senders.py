"""Senders, as they are kept: who a tenant's notifications may come from."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from shared.channel.table import Channel


class Sender(NamedTuple):
    """One of them."""

    name: str
    channel: Channel
    address: str
    display_name: str  # empty: the address stands alone
    reply_to: str  # empty: answers go to the address
    is_default: bool  # of its channel
    created_at: dt.datetime
    updated_at: dt.datetime
