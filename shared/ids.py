"""Notification ids: UUID version 7 (RFC 9562, section 5.7), so that newer ids sort after older ones."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid

_VERSION = 0x7 << 76
_VARIANT = 0x2 << 62
_LAST_MILLISECOND = (1 << 48) - 1
_RANDOM = 0xFFF << 64 | (1 << 62) - 1  # all bits that are neither time, version nor variant


def uuid7(now: dt.datetime) -> str:
    """A fresh id for a notification accepted at ``now``: 48 bits of milliseconds, 74 random bits."""
    milliseconds = int(now.timestamp() * 1000) & 0xFFFF_FFFF_FFFF
    random_bits = int.from_bytes(secrets.token_bytes(10)) & _RANDOM
    digits = f"{milliseconds << 80 | _VERSION | _VARIANT | random_bits:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def time_floor(moment: dt.datetime) -> str:
    """The least id that could have been made at ``moment``, before 1970 the least of all: for filters over ids."""
    milliseconds = min(max(int(moment.timestamp() * 1000), 0), _LAST_MILLISECOND)
    return str(uuid.UUID(int=milliseconds << 80))
