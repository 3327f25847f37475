"""HTTP calls through requests that end by a deadline, over kept connections, and are made once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from services.delivery.providers.outgoing_proxies import proxies_for

#: Longest wait for a connection, s: what cannot be reached is told early, while it is still certain.
CONNECT_SECONDS = 2.0


class DeadlineAdapter(HTTPAdapter):
    """Gives every request what is left of its thread's deadline; never sends one twice by itself.

    The SDKs know one time-out for all calls, apply it to connecting and to reading each, and some retry; and they
    hide the answer's headers. Safe for several threads: each has its own deadline and answer.
    """

    def __init__(self, connections: int) -> None:
        super().__init__(pool_connections=4, pool_maxsize=connections, max_retries=0)
        self._own = threading.local()

    @contextmanager
    def until(self, deadline: float, traceparent: str = "") -> Iterator[None]:
        """Requests of this thread, inside the block, end by ``deadline`` (monotonic) and carry the call's trace."""
        self._own.deadline = deadline
        self._own.traceparent = traceparent
        self._own.retry_after = None
        yield

    @property
    def retry_after(self) -> str | None:
        """Retry-After of this thread's last answer, as it came."""
        value: str | None = self._own.retry_after
        return value

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        left = self._own.deadline - time.monotonic()
        if left <= 0:
            raise requests.exceptions.ConnectTimeout("no time left to connect")
        if self._own.traceparent:
            request.headers["traceparent"] = self._own.traceparent
        options["timeout"] = (min(CONNECT_SECONDS, left), left)
        response = super().send(request, *args, **options)
        self._own.retry_after = response.headers.get("Retry-After")
        return response


def prepare_session(session: requests.Session, adapter: DeadlineAdapter, base_url: str) -> None:
    """Makes ``session`` use ``adapter`` for everything.

    The environment's proxies are looked up once, here: requests would do it, and look for a .netrc, at every call.
    """
    session.proxies = proxies_for(base_url)
    session.trust_env = False
    session.mount("http://", adapter)
    session.mount("https://", adapter)
