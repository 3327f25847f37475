"""Tokens signed by ES256, verified: JWT (RFC 7519, RFC 7518 section 3.4)."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature


class Token(NamedTuple):
    """What one says. Nothing of it is sure before :meth:`is_signed_by` says so."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes

    def is_signed_by(self, key: ec.EllipticCurvePublicKey) -> bool:
        """Whether the key's owner signed it."""
        if self.header.get("alg") != "ES256" or len(self.signature) != 64:
            return False
        r, s = int.from_bytes(self.signature[:32], "big"), int.from_bytes(self.signature[32:], "big")
        try:
            key.verify(encode_dss_signature(r, s), self.signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


def read_token(text: str) -> Token:
    """Raises ValueError for what is none."""
    head, claims, signature = text.split(".")
    return Token(_object(head), _object(claims), f"{head}.{claims}".encode("ascii"), decoded(signature))


def decoded(text: str) -> bytes:
    """Of base64url without padding; raises ValueError."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error


def point(data: bytes) -> ec.EllipticCurvePublicKey:
    """The public key that is this point on P-256; raises ValueError."""
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), data)


def _object(part: str) -> dict[str, Any]:
    try:
        given = json.loads(decoded(part))
    except RecursionError as error:
        raise ValueError("not JSON") from error
    if not isinstance(given, dict):
        raise ValueError("not an object")
    return given
