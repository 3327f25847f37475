"""One connection to a mail server, used for many emails."""

from __future__ import annotations

import asyncio
import contextlib
import re
import smtplib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from services.delivery.providers.base.call import Call
from services.delivery.providers.base.loop_socket import LoopSocket
from services.delivery.providers.mail.email_building import BuiltEmail
from services.delivery.providers.smtp.steps import Step

_CRLF = b"\r\n"
#: What ends a content, on a line of its own (RFC 5321, section 4.1.1.4).
_END = b".\r\n"
#: RFC 1870: at most 20 digits. Python takes other scripts' for digits too, and not any number of them.
_SIZE = re.compile(r"[0-9]{1,20}")
#: A line of a reply that is longer is none, bytes (RFC 5321, section 4.5.3.1.5, says 512).
_LONGEST_LINE = 8192


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
    """Sends emails over one connection, which smtplib has opened; in an event loop, one email at a time.

    Raises :class:`ConnectionLost`; after that, and when ``usable`` is false, the session is to be closed.
    """

    def __init__(self, client: smtplib.SMTP) -> None:
        self._client = client
        self._socket = LoopSocket(client.sock)  # type: ignore[arg-type]  # one of ours, as open_connection made it
        self._pipelining = client.has_extn("pipelining")
        self.utf8 = client.has_extn("smtputf8")
        self.size_limit = _size_limit(client.esmtp_features.get("size", ""))
        self.sent = 0
        self.last_used = time.monotonic()
        self.usable = True
        #: Copies of the email that was sent last whose recipients the server did not take: which, and its code.
        self.refused_copies: Sequence[tuple[int, int]] = ()
        self._step = Step.MAIL  # how far the email under way has come

    @property
    def is_quiet(self) -> bool:
        """Whether the server has neither hung up nor said anything since the last email."""
        return not self._socket.has_news

    async def send(self, email: BuiltEmail, call: Call) -> Reply:
        """Hands one email over; the reply of the server that decided its fate."""
        self.last_used = time.monotonic()
        self.sent += 1
        self.usable = False  # until all was said and heard
        self.refused_copies = ()
        self._step = Step.MAIL
        try:
            async with asyncio.timeout(call.left()):
                call.sent = True
                refusal = await self._envelope(email, call)
                return refusal or await self._content(email.content, call)
        except OSError:  # time-outs are such
            raise ConnectionLost(self._reached()) from None

    def close(self) -> None:
        """Hangs up."""
        self.usable = False
        self._socket.stop()
        with contextlib.suppress(OSError):
            self._client.close()

    def _reached(self) -> Step:
        """The step under way; of a content without its final dot, which is on its way with it, the part before it."""
        is_cut = self._step is Step.END and self._socket.unsaid >= len(_END)
        return Step.CONTENT if is_cut else self._step

    async def _envelope(self, email: BuiltEmail, call: Call) -> Reply | None:
        """MAIL, RCPT and DATA, in one go where the server takes it (RFC 2920); the refusal if there is one."""
        options = f" SIZE={len(email.content)}" if self.size_limit is not None else ""
        options += " SMTPUTF8" if email.utf8 else ""
        commands = [
            (Step.MAIL, f"MAIL FROM:<{email.sender.envelope}>{options}"),
            (Step.RCPT, f"RCPT TO:<{email.recipient}>"),
            *[(Step.COPY, f"RCPT TO:<{copy}>") for copy in email.copies],
            (Step.DATA, "DATA"),
        ]
        encoded = [(step, said.encode("utf-8" if email.utf8 else "ascii") + _CRLF) for step, said in commands]
        heard: list[Reply] = []
        for group in [encoded] if self._pipelining else [[command] for command in encoded]:
            replies = await self._exchange(group, call)
            heard += [reply for reply in replies if reply.step is Step.COPY]
            self.refused_copies = [(n, reply.code) for n, reply in enumerate(heard) if _is_refused_copy(reply)]
            refusal = next((reply for reply in replies if not (_goes_on(reply) or _is_refused_copy(reply))), None)
            if refusal is not None:
                # Its connection ends: DATA may have been accepted after a refused recipient, and a reset costs as much.
                return refusal
        return None

    async def _content(self, content: bytes, call: Call) -> Reply:
        stuffed = content.replace(b"\r\n.", b"\r\n..")
        stuffed = b"." + stuffed if stuffed.startswith(b".") else stuffed
        end = _END if stuffed.endswith(_CRLF) else _CRLF + _END
        reply = (await self._exchange([(Step.END, stuffed + end)], call))[0]
        self.usable = reply.code not in (-1, 421)
        return reply

    async def _exchange(self, commands: Sequence[tuple[Step, bytes]], call: Call) -> list[Reply]:
        """Sends commands and reads one reply to each."""
        replies: list[Reply] = []
        self._step = commands[0][0]
        await self._socket.say(b"".join(said for _, said in commands))
        for self._step, _ in commands:
            replies.append(await self._reply(self._step, call))
            if replies[-1].code in (-1, 421):
                break
        return replies

    async def _reply(self, step: Step, call: Call) -> Reply:
        """One reply (RFC 5321, section 4.2), of however many lines; raises OSError where there is none, or no end."""
        texts: list[bytes] = []
        while True:
            line = await self._socket.line(_LONGEST_LINE + 1)
            if not line:
                raise ConnectionResetError("the mail server has hung up")
            call.count(len(line))
            code = _code(line)
            texts.append(line[4:].strip(b" \t\r\n"))
            if code < 0 or line[3:4] != b"-":
                return Reply(step, code, b"\n".join(texts).decode("ascii", "replace"))


def _code(line: bytes) -> int:
    """The code that a line begins with; -1 for none, and for a line that is too long."""
    try:
        return int(line[:3]) if len(line) <= _LONGEST_LINE else -1
    except ValueError:
        return -1


def _size_limit(said: str) -> int | None:
    """Bytes that an email may have, of what stands behind SIZE; None: the server sets no limit, or none that is one."""
    return (int(said) or None) if _SIZE.fullmatch(said) else None


def _is_refused_copy(reply: Reply) -> bool:
    """Whether one copy is not to be had; the others go on without it. After a 421 the connection ends."""
    return reply.step is Step.COPY and 400 <= reply.code <= 599 and reply.code != 421


def _goes_on(reply: Reply) -> bool:
    """Whether the next command may follow; 251 and 252 accept a recipient too (RFC 5321, section 3.4 and 3.5.3)."""
    return reply.code == 354 if reply.step is Step.DATA else 200 <= reply.code <= 299
