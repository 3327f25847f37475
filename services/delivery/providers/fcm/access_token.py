"""Access tokens for FCM: google-auth gets them, over our own connections."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import CancelledError
from functools import partial
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from google.auth.credentials import Credentials, TokenState
from google.auth.exceptions import TransportError
from google.auth.transport import Request

from services.delivery.providers.base.call import Call, current
from services.delivery.providers.base.http_answer import Answer, NotSent
from services.delivery.providers.base.http_client import HttpClient, target_of
from services.delivery.providers.base.threads import Threads, TooManyHang

#: So long after its call's deadline a thread no longer waits for a loop, which may have ended, s.
_GRACE_SECONDS = 1.0
#: Connections to a server that gives tokens out; one an hour is needed.
_CONNECTIONS = 2


class AccessToken:
    """The headers by which a push is let in. For one event loop.

    google-auth blocks, and signs what it asks with: it works in a thread, and one call at a time waits for it.
    """

    def __init__(self, credential: Credentials, url: str) -> None:
        """``url`` is where the token is for."""
        self._credential = credential
        self._url = url
        self._clients: dict[str, HttpClient] = {}
        self._headers: dict[str, str] = {}
        self._asking = asyncio.Lock()
        self._threads = Threads(_CONNECTIONS)

    async def headers(self, call: Call, *, instead_of: Mapping[str, str] | None = None) -> dict[str, str]:
        """They hold a token that is good for a while, and another one than those that were given out before.

        Raises GoogleAuthError, and :class:`NotSent` when the time is up.
        """
        if self._are_good(instead_of):
            return self._headers
        try:
            async with asyncio.timeout(call.left()), self._asking:
                if not self._are_good(instead_of):
                    transport = _Transport(asyncio.get_running_loop(), self._clients)
                    self._headers = await self._threads.run(partial(self._ask, transport, anew=instead_of is not None))
        except TimeoutError as error:
            raise NotSent("no access token came in time") from error
        return self._headers

    async def close(self) -> None:
        """Hangs up."""
        for client in self._clients.values():
            await client.close()

    def _are_good(self, instead_of: Mapping[str, str] | None) -> bool:
        fresh: bool = self._credential.token_state is TokenState.FRESH
        return fresh and bool(self._headers) and self._headers is not instead_of

    def _ask(self, transport: _Transport, anew: bool) -> dict[str, str]:
        if anew:
            self._credential.refresh(transport)  # type: ignore[no-untyped-call]
        headers: dict[str, str] = {}
        self._credential.before_request(transport, "POST", self._url, headers)  # type: ignore[no-untyped-call]
        return headers


class _Response(NamedTuple):
    """As google-auth reads it."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class _Transport(Request):
    """Leads google-auth's requests, made in a thread, to the loop in which our connections are."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clients: dict[str, HttpClient]) -> None:
        self._loop = loop
        self._clients = clients

    def __deepcopy__(self, _: object) -> Self:
        """google-auth takes a copy along to look an account's regions up beside the call, which would have no end."""
        raise TypeError("not without a call")

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> _Response:
        """The call's deadline rules, whatever ``timeout`` says; raises TransportError."""
        try:
            call = current()
            left = call.left()
            asked = self._asked(url, method, body or b"", headers or {}, call)
            answer = asyncio.run_coroutine_threadsafe(asked, self._loop).result(left + _GRACE_SECONDS)
        except (OSError, CancelledError, TooManyHang, LookupError, ValueError) as error:
            raise TransportError(f"no access token: {type(error).__name__}") from error  # type: ignore[no-untyped-call]
        return _Response(*answer)

    async def _asked(self, url: str, method: str, body: bytes, headers: Mapping[str, str], call: Call) -> Answer:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        client = self._clients.get(origin)
        if client is None:
            client = self._clients[origin] = HttpClient(url, _CONNECTIONS)
        return await client.request(call, method, target_of(url), headers, body)
