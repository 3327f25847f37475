"""Steps: how far a conversation with a mail server had come. What a reply means depends on it more than on its code."""

from __future__ import annotations

import enum


class Step(enum.Enum):
    """In their order; the values say what a server refused."""

    CONNECT = "the connection"
    GREETING = "to serve this host"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "the login"
    MAIL = "the sender (MAIL)"
    RCPT = "the recipient (RCPT)"
    COPY = "the recipient of a copy (RCPT)"  # refused alone, it keeps nobody else from getting theirs
    DATA = "the email (DATA)"
    CONTENT = "a part of the content"  # its end was not said: the server cannot have taken it over
    END = "the content"  # it was on its way: the server may have taken it over

    @property
    def is_about_server(self) -> bool:
        """Whether no email had been spoken of yet."""
        return self in (Step.CONNECT, Step.GREETING, Step.EHLO, Step.STARTTLS, Step.AUTH)
