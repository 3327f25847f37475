"""Signed unsubscribe links: whose notifications of which category and channel are not wanted any more.

A token (:mod:`shared.signing`) says a JSON list of tenant, user, category and channel. A long list is NUL and its
DEFLATE form (RFC 1951) instead, so that it fits a line of an email's header. Tokens are good for ever: an email may
be opened years later.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass

from shared.signing import KeyRing

_PURPOSE = "unsubscribe"
#: What a token says is made shorter beyond so many bytes. JSON never begins with the mark.
_LONG = 256
_DEFLATED = b"\0"
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a recipient can unsubscribe from."""

    tenant_id: str
    user_id: str
    category: str
    channel: str  # its name in the contract


def sign(keys: KeyRing, subscription: Subscription) -> str:
    """The token; the ring must not be empty."""
    said = [subscription.tenant_id, subscription.user_id, subscription.category, subscription.channel]
    return keys.sign(_PURPOSE, _packed(_JSON.encode(said).encode()))


def verify(keys: KeyRing, token: str) -> Subscription:
    """What ``token`` is for; raises :class:`shared.signing.BadToken`."""
    return Subscription(*json.loads(_unpacked(keys.verify(_PURPOSE, token))))


def _packed(said: bytes) -> bytes:
    if len(said) <= _LONG:
        return said
    deflate = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return min(said, _DEFLATED + deflate.compress(said) + deflate.flush(), key=len)


def _unpacked(payload: bytes) -> bytes:
    """What :func:`_packed` was given; only for what Pulse has signed."""
    return zlib.decompress(payload[1:], wbits=-zlib.MAX_WBITS) if payload.startswith(_DEFLATED) else payload
