"""How an API key looks: ``pulse_<id>_<secret>``, where ``pulse_<id>`` is its public name.

A session's is ``pulse_session<id>of<id of the key that it was begun by>``, without the latter for a key that has no id.

The secret is 256 bits from the system's generator, so one SHA-256 is all the hashing it needs: what makes slow hashes
necessary is that people's passwords can be guessed. The fixed form lets scanners find keys that were published.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import NamedTuple

_FORM = re.compile(r"(pulse_(?:(?:dev)?[0-9a-f]{16}|session[0-9a-f]{16}(?:of[0-9a-f]{16})?))_[0-9a-f]{64}")
#: Begins the public name of a key that was made by a caller of whom no key was asked.
_OF_DEVELOPMENT = "pulse_dev"
#: Begins the public name of a session's key.
OF_SESSION = "pulse_session"


class NewKey(NamedTuple):
    """A key just made. ``secret`` is the whole of it, to be told once; ``digest`` is what is kept."""

    key_id: str
    secret: str
    digest: bytes


def make(*, of_development: bool = False) -> NewKey:
    """A key nobody had before. One ``of_development`` opens nothing once keys are asked for."""
    return _made(f"{_OF_DEVELOPMENT if of_development else 'pulse_'}{secrets.token_hex(8)}")


def make_session(begun_by: str) -> NewKey:
    """A session's key. ``begun_by`` is the public name of the key that it was begun by; empty: that has none."""
    of = f"of{begun_by.removeprefix('pulse_')}" if begun_by else ""
    return _made(f"{OF_SESSION}{secrets.token_hex(8)}{of}")


def is_of_session(key_id: str) -> bool:
    """Whether a public name is that of a session's key."""
    return key_id.startswith(OF_SESSION)


def begun_by(key_id: str) -> str:
    """The public name of the key that a session was begun by; empty: that has none."""
    _, _, of = key_id.removeprefix(OF_SESSION).partition("of")
    return f"pulse_{of}" if of else ""


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


def _made(key_id: str) -> NewKey:
    secret = f"{key_id}_{secrets.token_hex(32)}"
    return NewKey(key_id, secret, digest(secret))
