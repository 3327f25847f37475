"""What the tokens of each kind of device look like. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from shared.net.public_addresses import is_public, literal, names_this_machine

#: Longest text of a browser's subscription, bytes.
LONGEST_SUBSCRIPTION = 4096

_APNS = re.compile(r"(?:[0-9A-Fa-f]{2}){32,100}")
_ENDPOINT = re.compile(r"https?://[!-~]+")
_BASE64 = re.compile(r"[A-Za-z0-9_+/-]+={0,2}")


def is_apns_token(token: str) -> bool:
    """Whether it may be one of Apple's: 32 to 100 bytes in hexadecimal digits."""
    return _APNS.fullmatch(token) is not None


class Subscription(NamedTuple):
    """Where a browser's push service takes pushes for it, and what they are encrypted for (RFC 8291)."""

    endpoint: str
    p256dh: bytes  # a point on the curve P-256, uncompressed
    auth: bytes

    @property
    def text(self) -> str:
        """The same for the same subscription, without what nobody needs."""
        keys = {"p256dh": _base64url(self.p256dh), "auth": _base64url(self.auth)}
        return json.dumps({"endpoint": self.endpoint, "keys": keys}, separators=(",", ":"))

    @property
    def origin(self) -> str:
        """Scheme, host and port of the push service, the port where it is not the usual one (RFC 6454)."""
        parts = urlsplit(self.endpoint)
        usual = {"https": 443, "http": 80}[parts.scheme]
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{parts.scheme}://{host}" + ("" if parts.port in (None, usual) else f":{parts.port}")


def read_subscription(text: str) -> Subscription:
    """Of the JSON that a browser gives for its subscription.

    Raises ValueError, which says what is wrong and quotes nothing.
    """
    if len(text.encode("utf-8", "replace")) > LONGEST_SUBSCRIPTION:
        raise ValueError(f"a subscription has at most {LONGEST_SUBSCRIPTION} bytes")
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("a subscription is JSON, as the browser gives it") from None
    keys = given.get("keys") if isinstance(given, dict) else None
    if not isinstance(keys, dict):
        raise ValueError("a subscription has endpoint and keys")
    p256dh, auth = _bytes(keys.get("p256dh")), _bytes(keys.get("auth"))
    if len(p256dh) != 65 or p256dh[0] != 4:
        raise ValueError("keys.p256dh is an uncompressed point on P-256 in base64url: 65 bytes")
    if len(auth) != 16:
        raise ValueError("keys.auth is 16 bytes in base64url")
    return Subscription(_endpoint(given.get("endpoint")), p256dh, auth)


def leads_outside(subscription: Subscription) -> bool:
    """Whether it is by https and, as far as its text tells, at a public address; who connects looks again."""
    parts = urlsplit(subscription.endpoint)
    host = parts.hostname or ""
    address = literal(host)
    if parts.scheme != "https" or names_this_machine(host):
        return False
    return address is None or is_public(address)


def _endpoint(given: Any) -> str:
    if not isinstance(given, str) or not _ENDPOINT.fullmatch(given):
        raise ValueError("endpoint is an address by https")
    try:
        parts = urlsplit(given)
        bad = not parts.hostname or parts.username is not None or parts.port == 0 or "#" in given or "\\" in given
    except ValueError:
        bad = True
    if bad:
        raise ValueError("endpoint is an address by https, with a host, and without user or fragment")
    return given


def _base64url(given: bytes) -> str:
    return base64.urlsafe_b64encode(given).decode().rstrip("=")


def _bytes(given: Any) -> bytes:
    """Of base64, that for addresses or the other; nothing if it is none."""
    if not isinstance(given, str) or not _BASE64.fullmatch(given):
        return b""
    text = given.rstrip("=").replace("+", "-").replace("/", "_")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return b""
