"""The token by which a team shows who it is, verified as Apple does."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from services.sandbox.http.signed_token import read_token

#: As long as Apple takes one, s, and how far a sender's clock may be ahead.
LIFETIME_S = 3600
CLOCK_SKEW_S = 60

_ID = re.compile(r"[A-Z0-9]{10}")


class ProviderTokens:
    """Those of one team."""

    def __init__(self, key: ec.EllipticCurvePublicKey, now_s: Callable[[], float] = time.time) -> None:
        self._key = key
        self._now_s = now_s

    def mistake(self, authorization: str) -> str:
        """Apple's reason for a refusal; empty: it will do."""
        scheme, _, text = authorization.partition(" ")
        if not authorization or scheme.lower() != "bearer":
            return "MissingProviderToken"
        try:
            token = read_token(text)
        except ValueError:
            return "InvalidProviderToken"
        known = all(_ID.fullmatch(str(one)) for one in (token.header.get("kid"), token.claims.get("iss")))
        issued = token.claims.get("iat")
        if not known or not isinstance(issued, int) or not token.is_signed_by(self._key):
            return "InvalidProviderToken"
        age = self._now_s() - issued
        return "" if -CLOCK_SKEW_S <= age <= LIFETIME_S else "ExpiredProviderToken"


def known_key() -> ec.EllipticCurvePublicKey:
    """Of the key that Pulse signs with where it has none of Apple's: its secret is no secret."""
    number = int.from_bytes(hashlib.sha256(b"pulse-sandbox-apns").digest(), "big")
    return ec.derive_private_key(number, ec.SECP256R1()).public_key()


def read_public_key(path: str) -> ec.EllipticCurvePublicKey:
    """Of a PEM file with either half; raises ValueError for one that is none."""
    try:
        text = Path(path).read_bytes()
        key = load_pem_public_key(text) if b"PUBLIC KEY" in text else load_pem_private_key(text, None).public_key()
    except (OSError, ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("PULSE_SANDBOX_APNS_KEY_FILE is no key on P-256 in PEM")
    return key
