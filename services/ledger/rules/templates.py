"""A template at one version, as the ledger keeps it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.channel.table import Channel


class Template(NamedTuple):
    """What it says is one document, which the ledger does not open. The order is that of the store's queries."""

    name: str
    version: int
    #: What lists can be narrowed to.
    channel: Channel
    #: None: the release before stored it, in columns.
    document: bytes | None
    #: These columns, by name: to be written for the release before; read only where there is no document.
    former: Mapping[str, Any] | None
    #: When version 1 was made, and when this one was; None before it is stored.
    created_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None
