"""How a sender shows a push service who he is: VAPID (RFC 8292)."""

from __future__ import annotations

import base64
import binascii
from collections import OrderedDict

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.delivery.providers.base.es256 import base64url, private_key, signed
from shared.clock import Clock

#: A token ends so long after the hour in which it was made, s: a day is the most that push services take.
LIFETIME = 12 * 3600
_HOUR = 3600
#: Tokens that are kept, one a push service.
_MOST = 256


class Vapid:
    """Makes the header by which requests are let in; the same one for an hour."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, subject: str, clock: Clock) -> None:
        self._key = key
        self._subject = subject
        self._clock = clock
        self._made: OrderedDict[tuple[str, int], str] = OrderedDict()
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        #: What pages subscribe with, as ``applicationServerKey``.
        self.public_key = base64url(point)

    def authorization(self, origin: str) -> str:
        """For requests to one push service."""
        now = int(self._clock.now().timestamp())
        made_for = origin, now - now % _HOUR
        header = self._made.get(made_for)
        if header is None:
            claims = {"aud": origin, "exp": made_for[1] + LIFETIME, "sub": self._subject}
            header = f"vapid t={signed({'typ': 'JWT'}, claims, self._key)},k={self.public_key}"
            self._made[made_for] = header
            if len(self._made) > _MOST:
                self._made.popitem(last=False)
        return header


def read_key(text: str) -> ec.EllipticCurvePrivateKey:
    """The key as it is configured; raises ValueError for one that is none."""
    number = text.rstrip("=")
    try:
        return private_key(base64.b64decode(number + "=" * (-len(number) % 4), b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise ValueError("PULSE_WEBPUSH_PRIVATE_KEY is no VAPID key: 32 bytes in base64url") from None
