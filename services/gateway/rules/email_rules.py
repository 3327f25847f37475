"""What an email may carry beside subject and text: known at the door, so that no mail server has to refuse it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from services.gateway.rules import copies
from services.gateway.rules.addresses import Addresses
from shared.channel.table import Address
from shared.errors import PulseError, invalid_field, together
from shared.saying.said import Email

#: Headers that a caller may set, besides X-...; their values are words of visible ASCII.
STRUCTURED = frozenset({"in-reply-to", "references", "precedence", "auto-submitted", "feedback-id"})
#: X-... that Pulse sets itself, or by which a mail server or service is told what to do.
_KEPT = (
    *("x-pulse-", "x-ses-", "x-google-", "x-mailgun-", "x-mailer-", "x-smtpapi", "x-sg-", "x-pm-", "x-mc-", "x-msys-"),
    *("x-mj-", "x-mailin-", "x-sib-", "x-smtp2go-", "x-elasticemail", "x-ms-exchange-", "x-microsoft-", "x-forefront-"),
    *("x-original-", "x-envelope-", "x-forwarded-", "x-delivered-", "x-rcpt-", "x-failed-recipients", "x-return-path"),
    *("x-received", "x-spam-"),
)
_NAME = re.compile(r"[A-Za-z0-9-]{1,76}")
_WORDS = re.compile(r"[!-~]+( [!-~]+)*")
#: Line ends of every kind: some programs that read an email part its decoded headers at those of Unicode too.
_BREAK = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: A header's value or a preheader as it is sent, bytes: a context can make more of a template than stands in it.
LONGEST = 998
#: A word of it, characters: on a line of its own a space stands before it (RFC 5322, section 2.1.1).
_LONGEST_WORD = LONGEST - 1


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
    yield from copies.refusals(email, addresses, path)
    if len(email.preheader.encode("utf-8", "replace")) > LONGEST:
        yield invalid_field(f"{path}.preheader", "PREHEADER_TOO_LONG", f"is longer than {LONGEST} bytes")
    seen: set[str] = set()
    for name, value in email.headers.items():
        place, folded = f"{path}.headers.{name}", name.lower()
        if not _is_allowed(name):
            description = "is none of X-..., In-Reply-To, References, Precedence, Auto-Submitted and Feedback-ID"
            yield invalid_field(place, "HEADER_NOT_ALLOWED", description)
        elif folded in seen:
            yield invalid_field(place, "HEADER_REPEATED", "is there already; upper and lower case are one")
        elif refusal := _unfit_value(place, folded, value):
            yield refusal
        seen.add(folded)


def _unfit_value(place: str, folded: str, value: str) -> PulseError | None:
    if _BREAK.search(value):
        return invalid_field(place, "CONTROL_CHARACTER", "holds a line break or a control character")
    if len(value.encode("utf-8", "replace")) > LONGEST:
        return invalid_field(place, "HEADER_TOO_LONG", f"is longer than {LONGEST} bytes")
    if folded not in STRUCTURED:
        return None
    if not _WORDS.fullmatch(value):
        return invalid_field(place, "HEADER_INVALID", "holds more than words of visible ASCII, a space between each")
    if max(map(len, value.split(" "))) > _LONGEST_WORD:
        return invalid_field(place, "HEADER_TOO_LONG", f"holds a word of more than {_LONGEST_WORD} characters")
    return None


def _is_allowed(name: str) -> bool:
    folded = name.lower()
    if folded in STRUCTURED:
        return True
    return bool(_NAME.fullmatch(name)) and folded.startswith("x-") and len(name) > 2 and not folded.startswith(_KEPT)
