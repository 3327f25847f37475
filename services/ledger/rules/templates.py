"""A template, and a fragment, at one version, as the ledger keeps it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
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
    #: To be written: the versions of the fragments that it takes in, by name. They stand in the document too.
    fragments: Mapping[str, int] = {}


class FragmentUse(NamedTuple):
    """A template in use that takes a fragment in."""

    template_name: str
    template_version: int
    fragment_version: int


class Fragment(NamedTuple):
    """What it says is one document, which the ledger does not open. The order is that of the store's queries."""

    name: str
    version: int
    document: bytes
    #: The fragments that it takes in itself.
    fragments: Sequence[str]
    #: When version 1 was made, and when this one was; None before it is stored.
    created_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None
