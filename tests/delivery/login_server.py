"""A mail server that lets in by one login method and by one name and password, in UTF-8."""

from __future__ import annotations

import asyncio
import base64
import hmac
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class _Handler(Sink):
    """Takes every email and keeps none; checks CRAM-MD5, which the library does not know."""

    def __init__(self, username: str, password: str) -> None:
        super().__init__()
        self._username, self._password = username.encode(), password.encode()

    async def auth_CRAM__MD5(self, server: SMTP, _arguments: list[str]) -> AuthResult:  # the library's way to name it
        challenge = b"<1.2@login.test>"
        answer = await server.challenge_auth(base64.b64encode(challenge).decode(), encode_to_b64=False)
        digest = hmac.new(self._password, challenge, "md5").hexdigest().encode()
        return AuthResult(success=answer == self._username + b" " + digest, handled=False)


@contextmanager
def login_server(method: str, username: str, password: str) -> Iterator[int]:
    """Runs it in a thread; gives its port."""

    def may(_server: object, _session: object, _envelope: object, _method: str, said: Any) -> AuthResult:
        same = isinstance(said, LoginPassword) and (said.login, said.password) == (username.encode(), password.encode())
        return AuthResult(success=same, handled=False)

    options = {
        "auth_required": True,
        "auth_require_tls": False,
        "auth_exclude_mechanism": {"PLAIN", "LOGIN", "CRAM-MD5"} - {method},
        "authenticator": may,
        "hostname": "login.test",
    }
    loop = asyncio.new_event_loop()
    listening = socket.create_server(("127.0.0.1", 0))
    handler = _Handler(username, password)
    loop.run_until_complete(loop.create_server(lambda: SMTP(handler, loop=loop, **options), sock=listening))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        talks = asyncio.all_tasks(loop)
        for talk in talks:
            talk.cancel()
        if talks:
            loop.run_until_complete(asyncio.wait(talks))
        loop.close()
