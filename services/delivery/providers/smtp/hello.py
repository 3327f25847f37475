"""The name that Pulse gives for itself to a mail server, in EHLO (RFC 5321, section 4.1.4)."""

from __future__ import annotations

import ipaddress
import re
import socket

_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LONGEST = 253
_LITERAL = re.compile(r"\[(?:IPv6:(?P<six>[0-9A-Fa-f:.]+)|(?P<four>[0-9.]+))\]", re.IGNORECASE)


def is_hello_name(text: str) -> bool:
    """Whether ``text`` is a host name in ASCII, or an address in brackets: [192.0.2.1] or [IPv6:2001:db8::1]."""
    literal = _LITERAL.fullmatch(text)
    if literal is None:
        return len(text) <= _LONGEST and _NAME.fullmatch(text) is not None
    try:
        four, six = literal["four"], literal["six"]
        return bool(ipaddress.IPv4Address(four) if four else ipaddress.IPv6Address(six))
    except ValueError:
        return False


def default_hello_name(sender: str) -> str:
    """This host's name if it is a whole one; else, as in containers, the domain of the ``sender``'s address.

    Servers refuse names without a dot, and those outside ASCII.
    """
    own, domain = socket.gethostname(), sender.rpartition("@")[2]
    candidates = [name for name in (own, domain) if is_hello_name(name)]
    return next((name for name in candidates if "." in name), candidates[0] if candidates else "localhost")
