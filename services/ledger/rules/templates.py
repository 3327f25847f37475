"""A template at one version, as the ledger keeps it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.ledger.rules.delivery import Lane
from shared.channel.table import Channel


class Template(NamedTuple):
    """The order is that of the store's queries."""

    name: str
    version: int
    channel: Channel
    priority: Lane | None
    category: str
    default_locale: str
    #: Each of channel (empty: any), locale, subject, body, html_body.
    contents: Sequence[Mapping[str, str]]
    variables: Sequence[str]
    #: How long notifications of one user and category are collected into one; 0: not at all.
    digest_seconds: float = 0.0
    #: When version 1 was made, and when this one was; None before it is stored.
    created_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None
