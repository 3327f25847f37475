"""Signed unsubscribe links: whose notifications of which category and channel are not wanted any more.

A token is the base64url text (RFC 4648, section 5, without padding) of a key id (4 bytes), a MAC (HMAC-SHA256,
RFC 2104, cut to 16 bytes) and what it signs: a JSON list of tenant, user, category and channel. A long list is NUL and
its DEFLATE form (RFC 1951) instead, so that it fits a line of an email's header. Tokens are good for ever: an email may
be opened years later.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import zlib
from dataclasses import dataclass
from urllib.parse import unquote

_KEY_ID_BYTES, _MAC_BYTES = 4, 16
#: What a token says is made shorter beyond so many bytes. JSON never begins with the mark.
_LONG = 256
_DEFLATED = b"\0"
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
#: Characters that a key must have at least, so that it cannot be guessed.
SHORTEST_KEY = 16
#: Longer tokens are none, characters.
LONGEST_TOKEN = 2048

#: How often a link may have been percent-encoded on its way.
_MOST_ENCODINGS = 3
_NOT_BASE64URL = re.compile(r"[^A-Za-z0-9_-]")


class BadToken(ValueError):
    """Not a token that one of the keys signed."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a recipient can unsubscribe from."""

    tenant_id: str
    user_id: str
    category: str
    channel: str  # its name in the contract


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

    def sign(self, subscription: Subscription) -> str:
        """The token; the ring must not be empty."""
        if not self:
            raise ValueError("there is no key to sign with")
        said = [subscription.tenant_id, subscription.user_id, subscription.category, subscription.channel]
        payload = _packed(_JSON.encode(said).encode())
        signed = self._signing_id + _mac(self._signing, payload) + payload
        return base64.urlsafe_b64encode(signed).rstrip(b"=").decode("ascii")

    def verify(self, token: str) -> Subscription:
        """What ``token`` is for; raises :class:`BadToken`."""
        if len(token) > LONGEST_TOKEN:
            raise BadToken("too long")
        try:
            signed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise BadToken("not base64url") from None
        key = self._keys.get(signed[:_KEY_ID_BYTES])
        mac, payload = signed[_KEY_ID_BYTES:][:_MAC_BYTES], signed[_KEY_ID_BYTES + _MAC_BYTES :]
        if key is None or not hmac.compare_digest(mac, _mac(key, payload)):
            raise BadToken("not signed by Pulse")
        return Subscription(*json.loads(_unpacked(payload)))


def _packed(said: bytes) -> bytes:
    if len(said) <= _LONG:
        return said
    deflate = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return min(said, _DEFLATED + deflate.compress(said) + deflate.flush(), key=len)


def _unpacked(payload: bytes) -> bytes:
    """What :func:`_packed` was given; only for what Pulse has signed."""
    return zlib.decompress(payload[1:], wbits=-zlib.MAX_WBITS) if payload.startswith(_DEFLATED) else payload


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


def _mac(key: bytes, payload: bytes) -> bytes:
    return hmac.digest(key, b"unsubscribe:" + payload, hashlib.sha256)[:_MAC_BYTES]
