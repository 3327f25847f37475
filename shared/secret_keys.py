"""How an API key looks: ``pulse_<id>_<secret>``, where ``pulse_<id>`` is its public name.

The secret is 256 bits from the system's generator, so one SHA-256 is all the hashing it needs: what makes slow hashes
necessary is that people's passwords can be guessed. The fixed form lets scanners find keys that were published.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import NamedTuple

_FORM = re.compile(r"(pulse_[0-9a-f]{16})_[0-9a-f]{64}")


class NewKey(NamedTuple):
    """A key just made. ``secret`` is the whole of it, to be told once; ``digest`` is what is kept."""

    key_id: str
    secret: str
    digest: bytes


def make() -> NewKey:
    """A key nobody had before."""
    key_id = f"pulse_{secrets.token_hex(8)}"
    secret = f"{key_id}_{secrets.token_hex(32)}"
    return NewKey(key_id, secret, digest(secret))


def digest(secret: str) -> bytes:
    """What is kept of a key, 32 bytes."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def key_id(secret: str) -> str:
    """The public name in a key; empty if it has not the form of one."""
    found = _FORM.fullmatch(secret)
    return found[1] if found else ""
