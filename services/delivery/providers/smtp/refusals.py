"""Whose fault a mail server's refusal is: the recipient's, the email's, or Pulse's own configuration's. Pure.

A refusal of Pulse (its address, its name, its login, its sender) meets every email until an operator acts. Servers give
it at any step: many put off whatever they have against a client until RCPT, so that it looks like the recipient's.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from services.delivery.providers.mail import enhanced_status
from services.delivery.providers.smtp.steps import Step


class _Topic(NamedTuple):
    """What a server can have against Pulse."""

    setting: str
    words: re.Pattern[str]
    details: frozenset[str] = frozenset()


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


HOST = "PULSE_SMTP_HOST, or the address that this host sends from, which the server does not take mail from"
SERVER = "PULSE_SMTP_HOST and PULSE_SMTP_PORT, which must name a server that takes mail from Pulse"
HELLO = "PULSE_SMTP_EHLO_NAME, the name that this host gives for itself"
TLS = "PULSE_SMTP_TLS"
LOGIN = "PULSE_SMTP_USERNAME and PULSE_SMTP_PASSWORD"
SENDER = "PULSE_SMTP_FROM, which the server does not let this login send as"
RELAY = "PULSE_SMTP_HOST and PULSE_SMTP_USERNAME: the server passes no mail on for this host or login"
DOMAIN = "the DNS records (SPF, DKIM, DMARC, PTR) of PULSE_SMTP_FROM's domain and of this host"
ACCOUNT = "the account at the mail server, which may not send now"

#: In the order in which they are looked for.
_TOPICS = (
    _Topic(
        DOMAIN,
        _words(r"\b(?:spf|dkim|dmarc)\b", r"\breverse (?:dns|host ?name|lookup)", r"\bptr\b", r"\brdns\b"),
        frozenset({"7.20", "7.21", "7.22", "7.23", "7.24", "7.25", "7.26", "7.27", "7.29", "7.30", "7.509", "7.512"}),
    ),
    _Topic(
        TLS,
        _words(r"\bstarttls\b", r"\b(?:encrypt\w*|tls|ssl)\b.{0,30}\b(?:required|needed|must|mandatory)"),
        frozenset({"7.10", "7.11"}),
    ),
    _Topic(
        HELLO,
        _words(r"\b(?:helo|ehlo)\b", r"fully[- ]qualified (?:host|domain)"),
    ),
    _Topic(
        SENDER,
        _words(
            r"\bsender(?:'s)?\b(?: e?-?mail| address| domain| verif\w+| callout| is| was| can| could| does| not)*"
            r" (?:reject|refus|den(?:y|ied)|fail|allow|permi|verif|unknown|invalid|own|exist|accept|block|authori)",
            r"\b(?:invalid|unknown|unverified|unauthori[sz]ed|bad) (?:envelope )?sender",
            r"\bnot owned by\b",
            r"\bsend as\b",
            r"\bsend on behalf\b",
            r"\b(?:address|domain|identit\w+)(?:es)? (?:is |are |was |has |have )?(?:not|un) ?(?:been )?verified",
            r"\bnot verified\b",
            r"\b(?:from|mail from|return[- ]path)(?: header)? (?:address|domain)\b.{0,40}\b(?:not|invalid|reject|den)",
            r"\bnot (?:allowed|permitted|authori[sz]ed) to send (?:as|from|using|with)\b",
        ),
        frozenset({"1.7", "1.8", "7.60"}),
    ),
    _Topic(
        RELAY,
        _words(
            r"\brelay(?:ing|ed)?\b(?! recipient)[^.;]{0,30}"
            r"\b(?:denied|prohibited|not (?:permitted|allowed)|disabled|refused|forbidden|rejected)",
            r"\b(?:unable|not|won't|cannot|can't|refus\w+|deny|denied|no) (?:\w+ )?(?:to )?relay\b(?! recipient)",
            r"\brcpthosts\b",
            r"forwarding to remote hosts",
            r"not a gateway",
            r"non-accepted domain",
            r"\bopen relay\b",
        ),
        frozenset({"7.54", "7.64"}),
    ),
    _Topic(
        LOGIN,
        _words(
            r"\bnot (?:yet )?(?:logged|signed) in\b",
            r"\b(?:log ?in|auth|authenticat\w+|authori[sz]ation)\b.{0,20}\b(?:required|first|needed|fail\w*|invalid)",
            r"\b(?:must|need to|have to|please) (?:first )?(?:authenticate|log ?in)",
            r"\bnot (?:been )?authenticated\b",
            r"\bunauthenticated\b",
            r"\bcredentials\b",
        ),
        frozenset({"7.3", "7.4", "7.5", "7.8", "7.9", "7.12", "7.13", "7.14", "7.57"}),
    ),
    _Topic(
        ACCOUNT,
        _words(r"\bsending\b.{0,20}\b(?:paused|suspended|disabled|shut ?down)"),
        frozenset({"7.705"}),
    ),
    _Topic(
        HOST,
        _words(
            r"\bclient host\b",
            r"\byour (?:ip|host|server|network|mta|mail ?server|system)\b",
            r"\b(?:sending|source|client|remote|banned|connecting) (?:ip|host|server|mta)\b",
            r"\bip (?:address )?(?:\S+ )?(?:is |was |has |have |you)",
            r"\b(?:block|black|deny) ?-?list",
            r"\bspamhaus\b",
            r"\b(?:dnsbl|rbl)\b",
            r"\breputation\b",
        ),
        frozenset({"7.7", "7.28"}),
    ),
)
#: What is about Pulse where no text says more.
_BY_STEP = {
    Step.CONNECT: HOST,
    Step.GREETING: HOST,
    Step.EHLO: HELLO,
    Step.STARTTLS: TLS,
    Step.AUTH: LOGIN,
    Step.MAIL: SENDER,
    Step.RCPT: RELAY,
    Step.DATA: RELAY,
}
#: Reply codes that speak of Pulse once emails are spoken of: unknown commands, or out of order; no TLS; no login.
_BY_CODE = {
    **dict.fromkeys((500, 502, 503, 555), SERVER),
    **dict.fromkeys((530, 534, 535), LOGIN),
    **dict.fromkeys((523, 538), TLS),
    504: HELLO,
    521: HOST,
}
#: After the content only these do: the others may be what a filter chose to say.
_OF_CONTENT = frozenset({503, 530, 534, 535, 538})
#: Whatever is above 7. by so much is a large provider's own way of saying that it takes nothing from this host.
_VENDORS = 500
#: 7.x by which a recipient's own rules turn an email away; so do those from 100 on.
_RECIPIENTS_RULES = frozenset({"7.2", "7.17", "7.18"})
_FURTHER_RULES = 100
#: Words that count beside a status that speaks of the recipient.
_BESIDE_RECIPIENT = frozenset({SENDER, HELLO, RELAY})
_ABOUT_RECIPIENT = re.compile(r"\brecipient\b|\bmailing list\b|\bmembers? only\b", re.IGNORECASE)
_ABOUT_CONTENT = re.compile(
    r"\b(?:spam\w*|virus\w*|malware|phish\w*|content|urls?|links?|attachments?|unsolicited)\b", re.IGNORECASE
)
#: What a server quotes: addresses, which can spell anything.
_QUOTED = re.compile(r"<[^<>]*>|\S+@\S+")


def setting_to_check(step: Step, code: int, text: str) -> str:
    """What to look at in Pulse's configuration after a lasting refusal (5yz); empty: it is not about Pulse."""
    detail = enhanced_status.detail(enhanced_status.read(code, text))
    if _is_recipients_rule(step, detail):
        return ""
    return (
        _by_words(step, detail, text)
        or _by_detail(detail)
        or _by_code(step, code, text)
        or (_BY_STEP.get(step, "") if _is_about_pulse(step, code, detail, text) else "")
    )


def setting_to_check_meanwhile(step: Step, code: int, text: str) -> str:
    """The same after a passing refusal (4yz), which says only what it says in so many words."""
    if step in (Step.STARTTLS, Step.AUTH):
        return LOGIN if code == 432 else ""  # RFC 4954: a new password is needed; all others are the server's trouble
    if code == 421:
        return ""
    detail = enhanced_status.detail(enhanced_status.read(code, text))
    return _by_words(step, detail, text) or (SENDER if detail in ("1.7", "1.8") else "")


def _by_words(step: Step, detail: str, text: str) -> str:
    said = _QUOTED.sub(" ", text)
    settings = [topic.setting for topic in _TOPICS if topic.words.search(said)]
    if detail.startswith(("1.", "2.")) and detail not in ("1.0", "1.7", "1.8"):
        settings = [setting for setting in settings if setting in _BESIDE_RECIPIENT]
    if step is Step.END and _ABOUT_CONTENT.search(said) is not None:
        settings = [setting for setting in settings if setting is not HOST]
    return settings[0] if settings else ""


def _by_detail(detail: str) -> str:
    subject, _, number = detail.partition(".")
    listed = next((topic.setting for topic in _TOPICS if detail in topic.details), "")
    return listed or (HOST if subject == "7" and int(number) >= _VENDORS else "")


def _by_code(step: Step, code: int, text: str) -> str:
    if step.is_about_server:
        return TLS if code in (523, 538) else ""
    if step is Step.RCPT and (code == 555 or (code == 504 and _ABOUT_RECIPIENT.search(text))):
        return ""  # the address is all that Pulse's RCPT says
    return "" if step is Step.END and code not in _OF_CONTENT else _BY_CODE.get(code, "")


def _is_about_pulse(step: Step, code: int, detail: str, text: str) -> bool:
    """Where neither words nor status nor code name a topic."""
    if step.is_about_server:
        return True
    if step is Step.END or detail.startswith("6.") or detail in ("2.3", "3.4"):
        return False  # the email's content or size
    if step is Step.MAIL:
        return code != 552
    subject = detail.partition(".")[0]
    if subject == "7":
        return not _ABOUT_RECIPIENT.search(text)
    return subject == "5" and step is Step.DATA  # to RCPT it is the address that cannot be read or served


def _is_recipients_rule(step: Step, detail: str) -> bool:
    subject, _, number = detail.partition(".")
    ruled = detail in _RECIPIENTS_RULES or (subject == "7" and _FURTHER_RULES <= int(number) < _VENDORS)
    return ruled and step in (Step.RCPT, Step.END)
