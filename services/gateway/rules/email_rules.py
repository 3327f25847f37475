"""What an email may carry beside subject and text: known at the door, so that no mail server has to refuse it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from services.gateway.rules.addresses import Addresses
from shared.channel.table import Address
from shared.errors import PulseError, invalid_field, together
from shared.saying.said import Email

#: Headers that a caller may set, besides X-...; their values are words of visible ASCII.
STRUCTURED = frozenset({"in-reply-to", "references", "precedence", "auto-submitted", "feedback-id"})
#: X-... that Pulse sets itself, or by which a mail server or service is told what to do.
_KEPT = ("x-pulse-", "x-ses-", "x-mailer-", "x-original-", "x-envelope-", "x-google-", "x-mailgun-", "x-smtpapi")
_NAME = re.compile(r"[A-Za-z0-9-]{1,76}")
_WORDS = re.compile(r"[!-~]+( [!-~]+)*")


def check(email: Email, addresses: Addresses, path: str = "email") -> None:
    """Raises INVALID_ARGUMENT that names all that cannot be sent; ``path`` is where it stands."""
    refusals = list(_refusals(email, addresses, path))
    if refusals:
        raise together(refusals)


def _refusals(email: Email, addresses: Addresses, path: str) -> Iterator[PulseError]:
    if email.reply_to:
        try:
            addresses.normalise(Address.MAILBOX, email.reply_to, f"{path}.reply_to")
        except PulseError as error:
            yield error
    seen: set[str] = set()
    for name, value in email.headers.items():
        place, folded = f"{path}.headers.{name}", name.lower()
        if not _is_allowed(name):
            description = "is none of X-..., In-Reply-To, References, Precedence, Auto-Submitted and Feedback-ID"
            yield invalid_field(place, "HEADER_NOT_ALLOWED", description)
        elif folded in seen:
            yield invalid_field(place, "HEADER_REPEATED", "is there already; upper and lower case are one")
        elif folded in STRUCTURED and not _WORDS.fullmatch(value):
            yield invalid_field(place, "HEADER_INVALID", "holds more than words of visible ASCII, a space between each")
        seen.add(folded)


def _is_allowed(name: str) -> bool:
    folded = name.lower()
    if folded in STRUCTURED:
        return True
    return bool(_NAME.fullmatch(name)) and folded.startswith("x-") and len(name) > 2 and not folded.startswith(_KEPT)
