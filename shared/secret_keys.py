"""How an API key looks: ``pulse_<id>_<secret>``, where ``pulse_<id>`` is its public name.

The secret is 256 bits from the system's generator, so one SHA-256 is all the hashing it needs: what makes slow hashes
necessary is that people's passwords can be guessed. The fixed form lets scanners find keys that were published.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import NamedTuple

_FORM = re.compile(r"(pulse_(?:dev)?[0-9a-f]{16})_[0-9a-f]{64}")
#: Begins the public name of a key that was made by a caller of whom no key was asked.
_OF_DEVELOPMENT = "pulse_dev"


class NewKey(NamedTuple):
    """A key just made. ``secret`` is the whole of it, to be told once; ``digest`` is what is kept."""

    key_id: str
    secret: str
    digest: bytes


def make(*, of_development: bool = False) -> NewKey:
    """A key nobody had before. One ``of_development`` opens nothing once keys are asked for."""
    key_id = f"{_OF_DEVELOPMENT if of_development else 'pulse_'}{secrets.token_hex(8)}"
    secret = f"{key_id}_{secrets.token_hex(32)}"
    return NewKey(key_id, secret, digest(secret))


def is_of_development(key_id: str) -> bool:
    """Whether a public name is that of a key made without a key."""
    return key_id.startswith(_OF_DEVELOPMENT)


def digest(secret: str) -> bytes:
    """What is kept of a key, 32 bytes."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def key_id(secret: str) -> str:
    """The public name in a key; empty if it has not the form of one."""
    found = _FORM.fullmatch(secret)
    return found[1] if found else ""
