"""What an error of a Redis, Valkey or RabbitMQ means, in words that hold nothing of a caller's and no password."""

from __future__ import annotations

import re
import socket
import ssl

#: What servers put before their words: READONLY, WRONGTYPE, NOAUTH …
_CODE = re.compile(r"[A-Z]{2,}\b")

_WORDS = {
    "READONLY": "it is a replica, which takes no writes (READONLY)",
    "MASTERDOWN": "it is a replica that has lost its primary (MASTERDOWN)",
    "LOADING": "it is still loading its data (LOADING)",
    "WRONGTYPE": "a key of Pulse's holds something of another kind there (WRONGTYPE); delete it",
    "OOM": "its memory is full (OOM)",
    "NOAUTH": "it wants a password (NOAUTH)",
    "WRONGPASS": "it refuses the user's name or password (WRONGPASS)",
    "NOPERM": "its user may not do what Pulse needs (NOPERM)",
}


def reason(error: BaseException) -> str:
    """A few words for logs; of what the server said only its code, as the rest may repeat what was sent."""
    for one in _chain(error):
        if isinstance(one, ssl.SSLCertVerificationError):
            return f"its certificate is not believed: {one.verify_message}"
        if isinstance(one, ssl.SSLError):
            return f"no TLS with it: {one.reason or 'the handshake failed'}"
        if isinstance(one, socket.gaierror):
            return "its name is not known"
        if type(one).__name__ == "MasterNotFoundError":
            return _without_primary(str(one))
        if isinstance(one, ConnectionRefusedError):
            return "it refuses connections"
        if code := getattr(one, "status_code", None) or _code(str(one)):
            return _WORDS.get(code, f"{type(one).__name__} ({code})")
    return type(error).__name__


def _without_primary(text: str) -> str:
    """Of redis-py's text only whether it tells of Sentinels that could not be asked, and whether for their login."""
    if "> - " not in text:
        return "no Sentinel knows a primary by that name that is up"
    refused = re.search(r"> - \S*Authentication", text)
    why = "refuses its login (sentinel_username, sentinel_password)" if refused else "cannot be asked"
    return f"a Sentinel {why}, and no other knows a primary by that name that is up"


def _chain(error: BaseException | None) -> list[BaseException]:
    """The error and what it comes from."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _code(text: str) -> str:
    match = _CODE.match(text)
    return match[0] if match else ""
