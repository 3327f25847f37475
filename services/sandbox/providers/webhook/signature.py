"""Signatures of incoming webhooks, verified by https://www.standardwebhooks.com, symmetric (v1). Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping

#: A timestamp may be off by so much, s.
TOLERANCE_S = 300

_SIGNATURE = re.compile(r"v1,[A-Za-z0-9+/]{43}=")


def key_of(secret: str) -> bytes:
    """The key in ``whsec_…``; raises ValueError for a secret that is none."""
    if not secret.startswith("whsec_"):
        raise ValueError("a webhook's secret begins with whsec_")
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("a webhook's secret is whsec_ and base64") from None


def is_signed(headers: Mapping[str, str], body: bytes, key: bytes, now_s: float) -> bool:
    """Whether one of the signatures is that of ``body``, made lately; without a key any of the right form will do."""
    webhook_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not webhook_id or not re.fullmatch(r"\d{1,12}", timestamp) or abs(int(timestamp) - now_s) > TOLERANCE_S:
        return False
    given = [each for each in headers.get("webhook-signature", "").split() if _SIGNATURE.fullmatch(each)]
    if not key:
        return bool(given)
    digest = hmac.digest(key, f"{webhook_id}.{timestamp}.".encode() + body, hashlib.sha256)
    expected = f"v1,{base64.b64encode(digest).decode('ascii')}"
    return any(hmac.compare_digest(each, expected) for each in given)
