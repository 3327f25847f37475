"""Ids are UUIDs (RFC 9562), those of notifications of version 7 (section 5.7): newer ones sort after older ones."""

from __future__ import annotations

import datetime as dt
import re
import secrets
import uuid

_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
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


def canonical_uuid(text: str) -> str | None:
    """A UUID as it is kept and compared, in lower case; None for what is none.

    Only the form of RFC 9562, section 4, counts, in either case: without braces or ``urn:uuid:``, with its hyphens.
    """
    lower = text.lower()
    return lower if _UUID.fullmatch(lower) else None
