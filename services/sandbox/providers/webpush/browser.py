"""A browser that subscribed: its keys follow from its name, so that nothing need be kept. Pure."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

#: Salt, record size and the sender's key stand before what is encrypted (RFC 8188, section 2.1; RFC 8291, section 4).
_HEAD = 16 + 4 + 1 + 65


class Browser:
    """One of that name."""

    def __init__(self, name: str) -> None:
        secret = hashlib.sha256(b"pulse-sandbox-browser " + name.encode("utf-8", "replace")).digest()
        self._key = ec.derive_private_key(int.from_bytes(secret, "big") >> 1, ec.SECP256R1())
        self._auth = hashlib.sha256(b"auth " + secret).digest()[:16]

    def subscription(self, endpoint: str) -> dict[str, Any]:
        """As a page's script reads it."""
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": _base64url(point), "auth": _base64url(self._auth)}
        return {"endpoint": endpoint, "expirationTime": None, "keys": keys}

    def read(self, body: bytes) -> bytes:
        """What was encrypted for it by RFC 8291; raises ValueError for what was not."""
        if len(body) <= _HEAD or body[20] != 65:
            raise ValueError("not encrypted by aes128gcm")
        try:
            text: bytes = http_ece.decrypt(body, private_key=self._key, auth_secret=self._auth, version="aes128gcm")
        except (http_ece.ECEException, ValueError) as error:
            raise ValueError("not encrypted for this browser") from error
        return text


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
