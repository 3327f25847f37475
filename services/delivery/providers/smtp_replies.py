"""What a mail server's reply means for a notification. Pure; codes from RFC 5321, section 4.2, and RFC 4954.

Texts of replies are left out of every outcome: servers quote the recipient in them.
"""

from __future__ import annotations

import enum
import re

from services.delivery.providers.base import Outcome, Rejection, permanent, succeeded, transient, unanswered


class Phase(enum.Enum):
    """How far an email had come. What a failure means depends on it more than on anything else."""

    CONNECT = "while connecting"  # greeting, EHLO, TLS, login: about the server, not about this email
    ENVELOPE = "before the content"  # MAIL, RCPT, DATA: nothing has been handed over
    CONTENT = "after the content"  # the content was on its way: the server may have taken it over


#: Refusals that speak of Pulse's configuration or connection, whatever email is being sent. They pass once an operator
#: has acted, so they must not bury what is waiting: 503 wrong order, 530 login or TLS needed, 534, 535, 538 login.
_CONFIGURATION = frozenset({503, 530, 534, 535, 538})

_ENHANCED = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
#: Enhanced codes (RFC 3463, RFC 7505) by which a server says that there is no such mailbox: mailbox, domain, syntax,
#: moved, null MX, disabled.
_GONE = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
#: Enhanced codes of a passing refusal that speak of the recipient: its address or mailbox, or greylisting.
_ABOUT_RECIPIENT = ("4.1.", "4.2.", "4.7.1")
#: How greylisting and throttling servers word it; SMTP has no field for it.
_TRY_AGAIN = re.compile(r"\b(?:in|after)\s+(\d{1,5})\s*(s\b|sec|min|m\b|hour|h\b)", re.IGNORECASE)
_UNIT_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def classify(phase: Phase, code: int, text: str, queue_id: str = "") -> Outcome:
    """The outcome of a reply given in ``phase``; a code that is none (-1) means that the reply was not SMTP.

    Up to the content every refusal is certain. After it, RFC 5321 makes a 4yz or 5yz certain too: the server
    has not taken the email over. Anything that is no reply leaves it open.
    """
    if phase is Phase.CONTENT and 200 <= code <= 299:
        return succeeded(queue_id)
    if not 400 <= code <= 599:
        return _no_answer(phase, "SMTP_GARBAGE", "the mail server's answer is not SMTP")
    said = f"the mail server refused {phase.value} ({_shown(code, text)})"
    if code <= 499:
        about_recipient = phase is Phase.ENVELOPE and (code == 450 or _enhanced(text).startswith(_ABOUT_RECIPIENT))
        return transient(str(code), said, _try_again_after(text), about_recipient=about_recipient)
    if phase is Phase.CONNECT or code in _CONFIGURATION:
        return transient(str(code), f"{said}: check Pulse's configuration")
    return permanent(str(code), said, Rejection.GONE if _enhanced(text) in _GONE else None)


def lost(phase: Phase) -> Outcome:
    """The outcome of a connection that broke, or of a wait that took too long, in ``phase``."""
    return _no_answer(phase, "SMTP_CONNECTION_LOST", f"the connection to the mail server ended {phase.value}")


def unreachable() -> Outcome:
    """No connection could be made."""
    return transient("SMTP_UNREACHABLE", "the mail server cannot be reached")


def _no_answer(phase: Phase, code: str, message: str) -> Outcome:
    return unanswered(code, message) if phase is Phase.CONTENT else transient(code, message)


def _shown(code: int, text: str) -> str:
    return f"{code} {_enhanced(text)}".rstrip()


def _enhanced(text: str) -> str:
    found = _ENHANCED.search(text)
    return found[1] if found else ""


def _try_again_after(text: str) -> float | None:
    found = _TRY_AGAIN.search(text)
    return float(found[1]) * _UNIT_SECONDS[found[2][0].lower()] if found else None
