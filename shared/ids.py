"""Notification ids: UUID version 7 (RFC 9562, section 5.7), so that newer ids sort after older ones."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid

_VERSION = 0x7 << 76
_VARIANT = 0x2 << 62


def uuid7(now: dt.datetime) -> str:
    """A fresh id for a notification accepted at ``now``: 48 bits of milliseconds, 74 random bits."""
    milliseconds = int(now.timestamp() * 1000) & 0xFFFF_FFFF_FFFF
    random_bits = secrets.randbits(12) << 64 | secrets.randbits(62)
    return str(uuid.UUID(int=milliseconds << 80 | _VERSION | _VARIANT | random_bits))


def time_floor(moment: dt.datetime) -> str:
    """The least id that could have been made at ``moment``: for range filters over ids."""
    return str(uuid.UUID(int=(int(moment.timestamp() * 1000) & 0xFFFF_FFFF_FFFF) << 80))
