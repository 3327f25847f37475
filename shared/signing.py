"""Signed words in links: only Pulse can have made them, and each is good for one purpose.

A token is the base64url text (RFC 4648, section 5, without padding) of a key id (4 bytes), a MAC (HMAC-SHA256,
RFC 2104, cut to 16 bytes) over the purpose and what it says, and what it says.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from urllib.parse import unquote

_KEY_ID_BYTES, _MAC_BYTES = 4, 16
#: Characters that a key must have at least, so that it cannot be guessed.
SHORTEST_KEY = 16
#: Longer tokens are none, characters.
LONGEST_TOKEN = 2048

#: How often a link may have been percent-encoded on its way.
_MOST_ENCODINGS = 3
_NOT_BASE64URL = re.compile(r"[^A-Za-z0-9_-]")


class BadToken(ValueError):
    """Not a token that one of the keys signed for this purpose."""


class KeyRing:
    """Signs with the first of its keys and verifies with all, so that keys can be changed."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._keys = {_key_id(key.encode()): key.encode() for key in reversed(keys)}
        self._signing = keys[0].encode() if keys else b""
        self._signing_id = _key_id(self._signing)

    @classmethod
    def parse(cls, text: str) -> KeyRing:
        """Keys separated by commas; raises ValueError for one that is too short. An empty text is an empty ring."""
        keys = tuple(key for part in text.split(",") if (key := part.strip()))
        if any(len(key) < SHORTEST_KEY for key in keys):
            raise ValueError(f"each key must have at least {SHORTEST_KEY} characters")
        return cls(keys)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def sign(self, purpose: str, said: bytes) -> str:
        """The token; the ring must not be empty."""
        if not self:
            raise ValueError("there is no key to sign with")
        signed = self._signing_id + _mac(self._signing, purpose, said) + said
        return base64.urlsafe_b64encode(signed).rstrip(b"=").decode("ascii")

    def verify(self, purpose: str, token: str) -> bytes:
        """What ``token`` says; raises :class:`BadToken`."""
        if len(token) > LONGEST_TOKEN:
            raise BadToken("too long")
        try:
            signed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise BadToken("not base64url") from None
        key = self._keys.get(signed[:_KEY_ID_BYTES])
        mac, said = signed[_KEY_ID_BYTES:][:_MAC_BYTES], signed[_KEY_ID_BYTES + _MAC_BYTES :]
        if key is None or not hmac.compare_digest(mac, _mac(key, purpose, said)):
            raise BadToken("not signed by Pulse")
        return said


def unspoilt(token: str) -> str:
    """The token at the beginning of what a link came back with.

    Mail programs encode links anew, and put behind them what they add (``&utm_source=…``) or take for their part
    (a bracket, a full stop). A token's own characters need no encoding and end it.
    """
    for _ in range(_MOST_ENCODINGS):
        token = unquote(token)
    return _NOT_BASE64URL.split(token.lstrip(), maxsplit=1)[0]


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"id:" + key).digest()[:_KEY_ID_BYTES]


def _mac(key: bytes, purpose: str, said: bytes) -> bytes:
    return hmac.digest(key, purpose.encode() + b":" + said, hashlib.sha256)[:_MAC_BYTES]
