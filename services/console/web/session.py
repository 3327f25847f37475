"""Sessions: who is logged in, in a cookie that only this console can write and read, and the token its forms carry.

The cookie is sealed by AES-256-GCM (RFC 5116): it holds the reader's API key, which whoever else sees the cookie must
not learn. It is good while pages are looked at, to the end of the session, and no longer than until the logout.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.clock import Clock

COOKIE = "pulse_console"

_NONCE_BYTES = 12
#: Sessions that were ended and are remembered; beyond, those ended first are forgotten, as if they had only idled.
_MOST_ENDED = 100_000


@dataclass(frozen=True)
class Session:
    """One browser's. ``api_key`` is empty before the login, and where none is needed."""

    api_key: str = field(default="", repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    #: When it is over, however much it is used, Unix time; 0: not known before its first cookie.
    ends: float = 0.0
    #: Until when the cookie that it came by is good, Unix time.
    good_until: float = 0.0


class Sessions:
    """Writes, reads and ends cookies. An empty ``secret`` is replaced by one that ends with the process.

    A logout is known to this process alone. To another replica, or after a restart with the same secret, a copy of the
    cookie is good until it idles or ``lifetime_s`` is over; nothing but the key's revocation ends it there.
    """

    def __init__(self, secret: str, lifetime_s: float, idle_s: float, clock: Clock) -> None:
        source = secret.encode() or secrets.token_bytes(32)
        self._seal = AESGCM(_derived(source, b"session"))
        self._form_key = _derived(source, b"form")
        self._lifetime_s = lifetime_s
        self._idle_s = idle_s
        self._clock = clock
        self._ended: OrderedDict[str, None] = OrderedDict()

    def write(self, session: Session) -> str:
        """The cookie's value, good until the session idles or ends."""
        now = self._clock.now().timestamp()
        ends = session.ends or now + self._lifetime_s
        content = {"key": session.api_key, "nonce": session.nonce, "ends": ends, "until": min(ends, now + self._idle_s)}
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return base64.urlsafe_b64encode(nonce + self._seal.encrypt(nonce, json.dumps(content).encode(), None)).decode()

    def read(self, cookie: str) -> Session | None:
        """The session; None if the cookie is not this console's, was changed, is past its time or was logged out."""
        try:
            sealed = base64.b64decode(cookie.encode("ascii"), altchars=b"-_", validate=True)
            content = json.loads(self._seal.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None))
        except (binascii.Error, ValueError, InvalidTag):
            return None
        if content["until"] < self._clock.now().timestamp() or content["nonce"] in self._ended:
            return None
        return Session(content["key"], content["nonce"], content["ends"], content["until"])

    def is_aging(self, session: Session) -> bool:
        """Whether the cookie is to be written anew, so that a session that is used does not idle."""
        return session.good_until < min(session.ends, self._clock.now().timestamp() + self._idle_s / 2)

    def end(self, session: Session) -> None:
        """From now on no cookie of the session is good."""
        self._ended[session.nonce] = None
        if len(self._ended) > _MOST_ENDED:
            self._ended.popitem(last=False)

    def token(self, session: Session) -> str:
        """What this session's forms carry, so that no other site can post them (CSRF)."""
        return hmac.new(self._form_key, session.nonce.encode(), "sha256").hexdigest()

    def is_token(self, session: Session, given: str) -> bool:
        """Whether a form came from a page of this session."""
        return hmac.compare_digest(given.encode(), self.token(session).encode())


def _derived(secret: bytes, purpose: bytes) -> bytes:
    """A key for one purpose (RFC 5869)."""
    return HKDF(SHA256(), length=32, salt=None, info=b"pulse-console:" + purpose).derive(secret)
