"""Login at a mail server (RFC 4954): names and passwords are UTF-8, which the standard library's client cannot send."""

from __future__ import annotations

import base64
import hmac
import smtplib
from collections.abc import Callable

#: Replies to AUTH: go on, and done; 503 says that it had been done before.
_CHALLENGE, _DONE = 334, frozenset({235, 503})
#: No method has more steps than that.
_MOST_CHALLENGES = 3


class NoCommonMethod(Exception):
    """The server offers no login, or none by a method that Pulse knows; ``offered`` are the methods it does offer."""

    def __init__(self, offered: list[str]) -> None:
        super().__init__("no login method in common")
        self.offered = offered


def log_in(client: smtplib.SMTP, username: str, password: str) -> None:
    """Logs in by the best of the methods offered, and by the next where one is refused.

    Raises :class:`NoCommonMethod`, or SMTPAuthenticationError with the last refusal.
    """
    offered = client.esmtp_features.get("auth", "").upper().split()
    methods = [method for method in _METHODS if method in offered]
    if not methods:
        raise NoCommonMethod(offered)
    for method in methods:
        code, text = _METHODS[method](client, username.encode(), password.encode())
        if code in _DONE:
            return
        if not 500 <= code <= 599:
            break
    raise smtplib.SMTPAuthenticationError(code, text)


def _cram_md5(client: smtplib.SMTP, username: bytes, password: bytes) -> tuple[int, bytes]:
    """RFC 2195: the password itself does not travel."""

    def answer(challenge: bytes) -> bytes:
        return username + b" " + hmac.new(password, challenge, "md5").hexdigest().encode()

    return _converse(client, "CRAM-MD5", answer)


def _plain(client: smtplib.SMTP, username: bytes, password: bytes) -> tuple[int, bytes]:
    """RFC 4616."""
    said = b"\0" + username + b"\0" + password
    return _converse(client, f"PLAIN {_encoded(said)}", lambda _: said)


def _login(client: smtplib.SMTP, username: bytes, password: bytes) -> tuple[int, bytes]:
    """In no RFC: asks for the name, then for the password."""
    answers = iter((username, password))
    return _converse(client, "LOGIN", lambda _: next(answers, b""))


#: The best first.
_METHODS: dict[str, Callable[[smtplib.SMTP, bytes, bytes], tuple[int, bytes]]] = {
    "CRAM-MD5": _cram_md5,
    "PLAIN": _plain,
    "LOGIN": _login,
}


def _converse(client: smtplib.SMTP, command: str, answer: Callable[[bytes], bytes]) -> tuple[int, bytes]:
    """AUTH with ``command``, and an answer to each challenge; the reply that ends it."""
    code, text = client.docmd("AUTH", command)
    for _ in range(_MOST_CHALLENGES):
        if code != _CHALLENGE:
            break
        try:
            challenge = base64.b64decode(text)
        except ValueError:
            return -1, text
        code, text = client.docmd(_encoded(answer(challenge)))
    return code, text


def _encoded(said: bytes) -> str:
    return base64.b64encode(said).decode("ascii")
