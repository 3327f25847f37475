"""The token by which Apple knows whose pushes it is asked for.

https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns
"""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.delivery.providers.base.es256 import signed
from shared.clock import Clock

#: How long one is used, s: Apple takes one for an hour, and no newer one sooner than every 20 minutes.
USED_FOR = 40 * 60
SOONEST_ANEW = 20 * 60


class ProviderToken:
    """It dates from the beginning of the period that it is for: all workers have the same one, and change at once."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, key_id: str, team_id: str, clock: Clock) -> None:
        self._key = key
        self._key_id = key_id
        self._team_id = team_id
        self._clock = clock
        self._issued = 0
        self._text = ""
        self._renewed_at = 0

    def text(self) -> str:
        """The one for now."""
        now = self._now()
        if not self._text or not self._issued <= now < self._issued + USED_FOR:
            self._issue(now - now % USED_FOR)
        return self._text

    def instead_of(self, refused: str) -> str:
        """Another one than that which Apple calls expired, dated now; empty: Apple would take no newer one yet."""
        now = self._now()
        if refused == self._text:
            if now - self._renewed_at < SOONEST_ANEW:
                return ""
            self._renewed_at = now
            self._issue(now)
        return self._text

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    def _issue(self, issued: int) -> None:
        self._issued = issued
        self._text = signed({"kid": self._key_id}, {"iss": self._team_id, "iat": issued}, self._key)


def read_key(path: str) -> ec.EllipticCurvePrivateKey:
    """The key in a file as Apple gives it out; raises OSError, and ValueError for one that is none."""
    try:
        key = load_pem_private_key(Path(path).read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("PULSE_APNS_KEY_FILE is no signing key of Apple's: PEM, without a password, on P-256")
    return key
