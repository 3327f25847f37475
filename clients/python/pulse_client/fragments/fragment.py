"""A fragment, as it is given and as it comes back."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from pulse_client.enums import Channel


@dataclass(frozen=True)
class FragmentContent:
    """What is said by one channel (UNSPECIFIED: any) in one language (empty: the template's default), as Liquid."""

    body: str
    channel: Channel = Channel.UNSPECIFIED
    locale: str = ""
    #: What this client does not know of it, and is told again.
    unknown: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class FragmentPin:
    """A fragment at the version that a template keeps."""

    name: str
    version: int


@dataclass(frozen=True)
class FragmentUse:
    """A template that takes a fragment in, at its newest version, and the fragment's version in it."""

    template_name: str
    template_version: int
    fragment_version: int


@dataclass(frozen=True)
class Fragment:
    """A named layout or piece at one version. ``version`` to ``used_by`` are Pulse's answer and are not sent."""

    name: str
    contents: tuple[FragmentContent, ...]
    version: int = 0
    create_time: dt.datetime | None = None
    update_time: dt.datetime | None = None
    #: The fragments that it takes in itself.
    fragments: tuple[str, ...] = ()
    #: The templates in use that take it in, at most 1,000; lists leave it out.
    used_by: tuple[FragmentUse, ...] = ()
    #: What a newer gateway said of it besides, and is told again.
    unknown: bytes = field(default=b"", repr=False)
