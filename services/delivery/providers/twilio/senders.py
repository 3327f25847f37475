"""Who an SMS by Twilio comes from. Pure: https://www.twilio.com/docs/messaging/api/message-resource."""

from __future__ import annotations

import re

_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_NUMBER = r"\+[1-9][0-9]{6,14}"
_SENDER = re.compile(
    rf"{_NUMBER}"  # a number, E.164
    r"|[0-9]{3,8}"  # a short code
    r"|(?=.*[A-Za-z])[A-Za-z0-9&_+-][A-Za-z0-9 &_+-]{0,10}(?<! )"  # an alphanumeric id, with a letter at least
)


def is_messaging_service(text: str) -> bool:
    """Whether it is one, which chooses among its senders itself."""
    return bool(_SERVICE.fullmatch(text))


def is_number(text: str) -> bool:
    """Whether it is a number in E.164."""
    return bool(re.fullmatch(_NUMBER, text))


def is_sender(text: str) -> bool:
    """Whether Twilio takes it as a sender: a number, a short code, an alphanumeric id or a messaging service."""
    return bool(_SERVICE.fullmatch(text) or _SENDER.fullmatch(text))


def sender_arguments(sender: str) -> dict[str, str]:
    """The sender as the SDK takes it: a messaging service chooses one of its numbers itself."""
    return {"messaging_service_sid" if _SERVICE.fullmatch(sender) else "from_": sender}
