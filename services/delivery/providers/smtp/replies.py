"""What a mail server's reply means for a notification. Pure; codes from RFC 5321, section 4.2, and RFC 4954.

Texts of replies are left out of every outcome: servers quote the recipient in them.
"""

from __future__ import annotations

import re

from services.delivery.providers.base import waiting_times
from services.delivery.providers.mail import enhanced_status
from services.delivery.providers.smtp import refusals
from services.delivery.providers.smtp.steps import Step
from services.delivery.rules.provider import (
    Cause,
    Outcome,
    Rejection,
    misconfigured,
    permanent,
    succeeded,
    transient,
    unanswered,
)

#: So many characters of a reply are read.
_READ = 2000
#: Enhanced statuses (RFC 3463, RFC 7505) by which a server says that there is no such mailbox: mailbox, domain, syntax,
#: moved, null MX, disabled.
_GONE = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
#: A quota of emails that may be sent is not a mailbox's.
_FULL = re.compile(
    r"\b(?:mail ?box|inbox|account|user|folder)\b.{0,40}\b(?:full|over ?-?quota|exceed\w*)\b|\bover ?-?quota\b|"
    r"\b(?<!message )(?<!daily )(?<!sending )(?:quota|storage)\b.{0,20}\bexceeded\b|"
    r"\bexceeded\b.{0,20}\b(?:quota|storage)\b",
    re.IGNORECASE,
)
_TOO_OFTEN = re.compile(r"\btoo (?:quickly|fast|many|much)\b|\brate\b", re.IGNORECASE)


def classify(step: Step, code: int, text: str, queue_id: str = "") -> Outcome:
    """The outcome of a reply to ``step``; a code that is none (-1) means that the reply was not SMTP.

    Up to the content every refusal is certain. After it, RFC 5321 makes a 4yz or 5yz certain too: the server
    has not taken the email over. Anything that is no reply leaves it open.
    """
    text = text[:_READ]
    if step is Step.END and 200 <= code <= 299:
        return succeeded(queue_id)
    if not 400 <= code <= 599:
        return _no_answer(step, "SMTP_GARBAGE", "the mail server's answer is not SMTP")
    status = enhanced_status.read(code, text)
    said = f"the mail server refused {step.value} ({f'{code} {status}'.rstrip()})"
    return _passing(step, code, status, text, said) if code <= 499 else _lasting(step, code, status, text, said)


def lost(step: Step) -> Outcome:
    """The outcome of a connection that broke, or of a wait that took too long, at ``step``."""
    if step is Step.CONTENT:
        return transient(
            "SMTP_CONTENT_CUT", "the connection to the mail server ended before the content's end was sent"
        )
    when = "after the content" if step is Step.END else "before the content"
    if step.is_about_server:
        when = "while connecting"
    return _no_answer(step, "SMTP_CONNECTION_LOST", f"the connection to the mail server ended {when}")


def _passing(step: Step, code: int, status: str, text: str, said: str) -> Outcome:
    wait = waiting_times.read(text)
    if _is_recipients_delay(step, code, status, text):
        return transient(str(code), said, wait, cause=Cause.RECIPIENT)
    if waiting_times.is_greylisting(text):
        return transient(str(code), said, wait)
    setting = refusals.setting_to_check_meanwhile(step, code, text)
    return misconfigured(str(code), said, setting, wait) if setting else transient(str(code), said, wait)


def _is_recipients_delay(step: Step, code: int, status: str, text: str) -> bool:
    """Whether a 4yz speaks of the recipient: its address or mailbox, or greylisting."""
    if step.is_about_server or code == 421:
        return False
    if waiting_times.is_greylisting(text) or _is_full(step, status, text):
        return True
    if step is Step.END:
        return status.startswith("4.2.")
    if step is not Step.RCPT or status in ("4.1.7", "4.1.8"):
        return False
    named = status.startswith(("4.1.", "4.2.")) or status == "4.7.1" or code == 450
    return named and not refusals.setting_to_check_meanwhile(step, code, text)


def _lasting(step: Step, code: int, status: str, text: str, said: str) -> Outcome:
    setting = refusals.setting_to_check(step, code, text)
    if setting:
        return misconfigured(str(code), said, setting)
    about_recipient = step in (Step.RCPT, Step.END)
    if about_recipient and _passes_all_the_same(step, code, status, text):
        return transient(str(code), said, waiting_times.read(text), cause=Cause.RECIPIENT)
    return permanent(str(code), said, Rejection.GONE if about_recipient and status in _GONE else None)


def _passes_all_the_same(step: Step, code: int, status: str, text: str) -> bool:
    """A mailbox that is full, or gets more than it takes, is refused with a 5yz and empty again a while later."""
    if status == "5.2.1":
        return _TOO_OFTEN.search(text) is not None
    return (code == 552 and not status and step is Step.RCPT) or _is_full(step, status, text)


def _is_full(step: Step, status: str, text: str) -> bool:
    if step not in (Step.RCPT, Step.END):
        return False
    return status[2:] == "2.2" or (not status and _FULL.search(text) is not None)


def _no_answer(step: Step, code: str, message: str) -> Outcome:
    return unanswered(code, message) if step is Step.END else transient(code, message)
