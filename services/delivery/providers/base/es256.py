"""Tokens that are signed with a key on the curve P-256: JWT (RFC 7519) by ES256 (RFC 7518, section 3.4)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

#: The order of P-256's group, less one: the greatest private key (NIST FIPS 186-5).
_GREATEST = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632550


def signed(header: Mapping[str, str], claims: Mapping[str, Any], key: ec.EllipticCurvePrivateKey) -> str:
    """The token; the same one for the same claims, whichever process makes it (RFC 6979)."""
    text = f"{_part({'alg': 'ES256', **header})}.{_part(claims)}"
    signature = key.sign(text.encode("ascii"), ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    r, s = decode_dss_signature(signature)
    return f"{text}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def base64url(data: bytes) -> str:
    """Without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def private_key(number: bytes) -> ec.EllipticCurvePrivateKey:
    """The key that is this number; raises ValueError for one that is none."""
    value = int.from_bytes(number, "big")
    if len(number) != 32 or not 1 <= value <= _GREATEST:
        raise ValueError("a private key on P-256 has 32 bytes")
    return ec.derive_private_key(value, ec.SECP256R1())


def known_key(name: str) -> ec.EllipticCurvePrivateKey:
    """A key that everybody knows, for look-alikes: it opens nothing."""
    return private_key(hashlib.sha256(name.encode("ascii")).digest())


def _part(values: Mapping[str, Any]) -> str:
    return base64url(json.dumps(values, separators=(",", ":")).encode("utf-8"))
