"""Sessions: who is logged in, in a cookie that only this console can write, and the token its forms must carry.

The cookie is ``payload.signature``: a JSON object in URL-safe base64, and its HMAC-SHA256 (RFC 2104). It is signed,
not encrypted: what it holds, the API key of its own reader, that reader knows.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from dataclasses import dataclass, field

from shared.clock import Clock

COOKIE = "pulse_console"


@dataclass(frozen=True)
class Session:
    """One browser's. ``api_key`` is empty before the login, and where none is needed."""

    api_key: str = field(default="", repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(16))


class Sessions:
    """Writes and reads cookies. An empty ``secret`` is replaced by one that ends with the process."""

    def __init__(self, secret: str, lifetime_s: float, clock: Clock) -> None:
        self._secret = secret.encode() or secrets.token_bytes(32)
        self._lifetime_s = lifetime_s
        self._clock = clock

    def write(self, session: Session) -> str:
        """The cookie's value, valid for the lifetime from now on."""
        ends = self._clock.now().timestamp() + self._lifetime_s
        content = json.dumps({"key": session.api_key, "nonce": session.nonce, "ends": ends})
        payload = base64.urlsafe_b64encode(content.encode()).decode()
        return f"{payload}.{self._sign('session', payload)}"

    def read(self, cookie: str) -> Session | None:
        """The session; None if the cookie is not this console's, was changed, or is past its time."""
        payload, _, signature = cookie.partition(".")
        if not _equal(signature, self._sign("session", payload)):
            return None
        try:
            content = json.loads(base64.urlsafe_b64decode(payload))
        except (binascii.Error, ValueError):
            return None
        if content["ends"] < self._clock.now().timestamp():
            return None
        return Session(content["key"], content["nonce"])

    def token(self, session: Session) -> str:
        """What this session's forms carry, so that no other site can post them (CSRF)."""
        return self._sign("form", session.nonce)

    def is_token(self, session: Session, given: str) -> bool:
        """Whether a form came from a page of this session."""
        return _equal(given, self.token(session))

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._secret, f"{purpose}:{text}".encode(), "sha256").hexdigest()


def _equal(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())
