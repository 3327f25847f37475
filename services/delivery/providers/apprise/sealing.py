"""Destinations' addresses, encrypted: AES-256-GCM (NIST SP 800-38D), bound to the tenant and name that they are for.

What is sealed is a version (1 byte), the key's id (4), a nonce (12), and the encrypted text with its tag.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_KEY_BYTES, _ID_BYTES, _NONCE_BYTES = 32, 4, 12
_HEAD = len(_VERSION) + _ID_BYTES


class CannotOpen(ValueError):
    """Not sealed with one of the keys, or for somebody else, or damaged."""


class KeyRing:
    """Seals with the first of its keys and opens with all, so that keys can be changed."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._keys = {_id_of(key): key for key in keys}
        self._first = keys[0] if keys else b""

    @classmethod
    def parse(cls, text: str) -> KeyRing:
        """Keys by commas, each the base64 of 32 bytes; raises ValueError. An empty text is an empty ring."""
        return cls(tuple(_key(part.strip()) for part in text.split(",") if part.strip()))

    @property
    def key_id(self) -> str:
        """Of the key that seals: 8 hexadecimal digits."""
        return _id_of(self._first).hex()

    def seal(self, tenant_id: str, name: str, text: str) -> bytes:
        """``text``, to be opened for this tenant and name alone; the ring must not be empty."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        encrypted = AESGCM(self._first).encrypt(nonce, text.encode(), _bound_to(tenant_id, name))
        return _VERSION + _id_of(self._first) + nonce + encrypted

    def open(self, tenant_id: str, name: str, sealed: bytes) -> str:
        """What was sealed; raises :class:`CannotOpen`."""
        key = self._keys.get(sealed[len(_VERSION) : _HEAD])
        if key is None or not sealed.startswith(_VERSION):
            raise CannotOpen("sealed with another key")
        nonce, encrypted = sealed[_HEAD:][:_NONCE_BYTES], sealed[_HEAD + _NONCE_BYTES :]
        try:
            return AESGCM(key).decrypt(nonce, encrypted, _bound_to(tenant_id, name)).decode()
        except (InvalidTag, ValueError):
            raise CannotOpen("damaged, or sealed for another name") from None

    def fingerprint(self, text: str) -> str:
        """Tells one text from another to who has no key: 16 hexadecimal digits (HMAC-SHA256)."""
        return hmac.digest(self._first, b"fingerprint\0" + text.encode(), hashlib.sha256).hex()[:16]


def _bound_to(tenant_id: str, name: str) -> bytes:
    return f"{len(tenant_id)}:{tenant_id}:{name}".encode()


def _id_of(key: bytes) -> bytes:
    return hashlib.sha256(b"pulse destination key\0" + key).digest()[:_ID_BYTES]


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY_BYTES:
        raise ValueError(f"each key is the base64 of {_KEY_BYTES} bytes, as `openssl rand -base64 32` makes them")
    return key
