"""Builds emails of what comes in, by whatever Python runs it: names and subjects as JSON in, emails' headers out.

Of the packages it needs idna alone. Beside each header block goes what the standard library's own decoder makes of the
subject.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from email.header import decode_header

from services.delivery.providers.mail.email_building import build
from services.delivery.providers.mail.mail_addresses import Sender
from services.delivery.rules.provider import Outgoing
from tests.support.rfc_headers import unfolded

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
ID = "0199f0a0-0000-7000-8000-000000000000"
ADDRESS = "pulse@xn--strae-oqa.example"


def headers(name: str, subject: str) -> bytes:
    """The header block of an email from a sender of that name with that subject."""
    outgoing = Outgoing(ID, "default", "EMAIL", 1, "ada@example.org", subject, "Hi there.", "", NOW)
    head, _, _ = build(outgoing, Sender(name, ADDRESS), NOW).content.partition(b"\r\n\r\n")
    return head + b"\r\n"


def second_opinion(value: str) -> str:
    """What ``email.header`` reads in a value; right for one that is either plain or all encoded words."""
    parts = decode_header(value)
    return "".join(part if isinstance(part, str) else part.decode(charset or "ascii") for part, charset in parts)


def main() -> None:
    """Answers each pair of the JSON list on standard input by header block and second opinion."""
    answers = []
    for name, subject in json.load(sys.stdin):
        head = headers(name, subject)
        answers.append([head.decode("ascii"), second_opinion(dict(unfolded(head))["Subject"])])
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
