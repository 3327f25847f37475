"""Sessions: who is logged in, in a cookie that only this console can write and read, and the token its forms carry.

The cookie is sealed by AES-256-GCM (RFC 5116). It holds an API key that the gateway made for this login alone: the
logout revokes it, at every replica and whoever holds a copy. It is good while pages are looked at, and no
longer than to the session's end.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.console.web.calls import NO_KEY, SessionKey
from shared.clock import Clock

COOKIE = "pulse_console"

#: By then every gateway knows a session's key, or refuses all keys as it has not heard of the ledger for so long, s.
KNOWN_S = 15.0

_NONCE_BYTES = 12
#: Sessions that were ended and are remembered; beyond, those ended first are forgotten, as if they had only idled.
_MOST_ENDED = 100_000


@dataclass(frozen=True)
class Session:
    """One browser's. Without keys before the login, and where none is needed."""

    #: Made for this login; for a moment not every gateway knows it yet.
    key: SessionKey = NO_KEY
    #: What one logged in by, kept for that moment; or for good, where the gateway begins no sessions by such a key.
    login_key: str = field(default="", repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    #: When the login was, Unix time; 0: not known before its first cookie.
    began: float = 0.0
    #: When it is over, however much it is used, Unix time; 0: not known before its first cookie.
    ends: float = 0.0
    #: Until when the cookie that it came by is good, Unix time.
    good_until: float = 0.0

    @property
    def api_key(self) -> str:
        """What calls are made with; empty: nobody is logged in."""
        return self.login_key or self.key.secret


class Sessions:
    """Writes, reads and ends cookies. An empty ``secret`` is replaced by one that ends with the process.

    That a session was ended is known to this process at once, and to others as its key is revoked.
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
        began, ends = session.began or now, session.ends or now + self._lifetime_s
        content = {
            "key": [session.key.key_id, session.key.secret],
            "login": session.login_key,
            "nonce": session.nonce,
            "began": began,
            "ends": ends,
            "until": min(ends, now + self._idle_s),
        }
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return base64.urlsafe_b64encode(nonce + self._seal.encrypt(nonce, json.dumps(content).encode(), None)).decode()

    def read(self, cookie: str) -> Session | None:
        """The session; None if the cookie is not this console's, was changed, is past its time or was logged out."""
        try:
            sealed = base64.b64decode(cookie.encode("ascii"), altchars=b"-_", validate=True)
            content = json.loads(self._seal.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None))
            key, login_key, began = SessionKey(*content["key"]), content["login"], content["began"]
        except (binascii.Error, ValueError, InvalidTag, TypeError, KeyError):
            return None
        now = self._clock.now().timestamp()
        if content["until"] < now or content["nonce"] in self._ended:
            return None
        read = Session(key, login_key, content["nonce"], began, content["ends"], content["until"])
        if key.secret and login_key and now > began + KNOWN_S:
            return replace(read, login_key="", good_until=0.0)  # the next cookie is without it
        return read

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
