"""What a phone's channels take as a sender. Pure."""

from __future__ import annotations

import re

_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")
#: A letter at least; none begins or ends with a space.
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9&_+-][A-Za-z0-9 &_+-]{0,10}(?<! )")


def is_messaging_service(text: str) -> bool:
    """Whether it is one, which chooses among its senders itself."""
    return bool(_SERVICE.fullmatch(text))


def is_number(text: str) -> bool:
    """Whether it is a number in E.164."""
    return bool(_NUMBER.fullmatch(text))


def is_text_sender(text: str) -> bool:
    """Whether text messages may come from it: a number, a short code, an alphanumeric id or a messaging service."""
    return any(form.fullmatch(text) for form in (_SERVICE, _NUMBER, _SHORT_CODE, _ALPHANUMERIC))
