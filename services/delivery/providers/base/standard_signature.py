"""Signatures of outgoing webhooks: https://www.standardwebhooks.com, symmetric (v1)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Self

PREFIX = "whsec_"


class Signer:
    """Signs with each of its secrets, so that a receiver can change over from one to the next."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._keys = keys

    @classmethod
    def parse(cls, text: str) -> Self:
        """Secrets separated by commas, each ``whsec_`` and base64 of 24 to 64 bytes; raises ValueError."""
        return cls(tuple(_key(part.strip()) for part in text.split(",") if part.strip()))

    def headers(self, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """The three headers; ``timestamp`` is in seconds since 1970."""
        signed = f"{message_id}.{timestamp}.".encode() + body
        digests = (hmac.digest(key, signed, hashlib.sha256) for key in self._keys)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode('ascii')}" for digest in digests),
        }


def _key(secret: str) -> bytes:
    problem = f"a webhook's secret is {PREFIX} and the base64 of 24 to 64 bytes"
    if not secret.startswith(PREFIX):
        raise ValueError(problem)
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(problem) from None
    if not 24 <= len(key) <= 64:
        raise ValueError(problem)
    return key
