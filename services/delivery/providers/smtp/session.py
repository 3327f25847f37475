"""One connection to a mail server, used for many emails."""

from __future__ import annotations

import contextlib
import re
import smtplib
import time
from collections.abc import Mapping
from dataclasses import dataclass

from services.delivery.providers.mail.email_building import BuiltEmail
from services.delivery.providers.smtp.opening import MailServer, open_connection
from services.delivery.providers.smtp.steps import Step

_CRLF = b"\r\n"
#: RFC 1870: at most 20 digits. Python takes other scripts' for digits too, and not any number of them.
_SIZE = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply that decided, and the step that it was given to."""

    step: Step
    code: int  # -1: not SMTP
    text: str


class ConnectionLost(Exception):
    """The connection broke, or the time was up; ``step`` says how far the email had come."""

    def __init__(self, step: Step) -> None:
        super().__init__(step.name)
        self.step = step


class SmtpSession:
    """Sends emails over one connection, within calls. Not for several threads at once.

    Raises :class:`ConnectionLost`; after that, and when ``usable`` is false, the session is to be closed.
    """

    def __init__(self, client: smtplib.SMTP) -> None:
        self._client = client
        self._pipelining = client.has_extn("pipelining")
        self.utf8 = client.has_extn("smtputf8")
        self.size_limit = _size_limit(client.esmtp_features.get("size", ""))
        self.sent = 0
        self.last_used = time.monotonic()
        self.usable = True

    @classmethod
    def connect(cls, server: MailServer) -> SmtpSession:
        """Connects, greets, encrypts and logs in; raises NotOpened."""
        return cls(open_connection(server))

    def send(self, email: BuiltEmail) -> Reply:
        """Hands one email over; the reply of the server that decided its fate."""
        self.last_used = time.monotonic()
        self.sent += 1
        refusal = self._envelope(email)
        if refusal is not None:
            return refusal
        return self._content(email.content)

    def close(self) -> None:
        """Hangs up."""
        self.usable = False
        with contextlib.suppress(OSError):
            self._client.close()

    def _envelope(self, email: BuiltEmail) -> Reply | None:
        """MAIL, RCPT and DATA, in one go where the server takes it (RFC 2920); the refusal if there is one."""
        options = f" SIZE={len(email.content)}" if self.size_limit is not None else ""
        options += " SMTPUTF8" if email.utf8 else ""
        commands = {
            Step.MAIL: f"MAIL FROM:<{email.sender}>{options}",
            Step.RCPT: f"RCPT TO:<{email.recipient}>",
            Step.DATA: "DATA",
        }
        encoded = {step: said.encode("utf-8" if email.utf8 else "ascii") + _CRLF for step, said in commands.items()}
        refusal: Reply | None = None
        for group in [encoded] if self._pipelining else [{step: said} for step, said in encoded.items()]:
            replies = self._exchange(group)
            refusal = next((reply for reply in replies if not _goes_on(reply)), None)
            if refusal is not None:
                break
        if refusal is not None:
            # DATA may have been accepted after a refused recipient, and a reset costs as much as a new connection.
            self.usable = False
        return refusal

    def _content(self, content: bytes) -> Reply:
        stuffed = content.replace(b"\r\n.", b"\r\n..")
        stuffed = b"." + stuffed if stuffed.startswith(b".") else stuffed
        end = b".\r\n" if stuffed.endswith(_CRLF) else b"\r\n.\r\n"
        reply = self._exchange({Step.END: stuffed + end})[0]
        self.usable = reply.code not in (-1, 421)
        return reply

    def _exchange(self, commands: Mapping[Step, bytes]) -> list[Reply]:
        """Sends commands and reads one reply to each."""
        replies: list[Reply] = []
        steps = list(commands)
        try:
            self._client.send(b"".join(commands.values()))
            for step in steps:
                code, text = self._client.getreply()
                replies.append(Reply(step, code, text.decode("ascii", "replace")))
                if code in (-1, 421):
                    break
        except smtplib.SMTPResponseException as error:  # a reply line that is too long
            self.usable = False
            return [*replies, Reply(steps[len(replies)], -1, str(error.smtp_code))]
        except OSError:  # smtplib's own errors and time-outs are such
            self.usable = False
            raise ConnectionLost(steps[min(len(replies), len(steps) - 1)]) from None
        return replies


def _size_limit(said: str) -> int | None:
    """Bytes that an email may have, of what stands behind SIZE; None: the server sets no limit, or none that is one."""
    return (int(said) or None) if _SIZE.fullmatch(said) else None


def _goes_on(reply: Reply) -> bool:
    """Whether the next command may follow; 251 and 252 accept a recipient too (RFC 5321, section 3.4 and 3.5.3)."""
    return reply.code == 354 if reply.step is Step.DATA else 200 <= reply.code <= 299
