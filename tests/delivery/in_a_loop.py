"""A provider of an event loop, for tests that have none."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
import uvloop

from services.delivery.providers.base.http_connection import HttpConnection
from services.delivery.providers.base.provider import CallingProvider
from services.delivery.rules.provider import Outcome, Outgoing


class InALoop:
    """Calls it in a loop of its own, from any number of threads; all else of it is as it is."""

    def __init__(self, provider: CallingProvider[Any]) -> None:
        self.provider = provider
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def send(self, given: Outgoing, deadline: float) -> Outcome:
        return asyncio.run_coroutine_threadsafe(self.provider.send(given, deadline), self._loop).result()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.provider.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def connections(self) -> int:
        """How many it has opened so far."""
        return int(self.provider._http.opened)  # type: ignore[attr-defined]


def requests_of(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every request that goes out from now on, as it is on the wire."""
    asked: list[bytes] = []
    exchange = HttpConnection.exchange

    def noted(self: HttpConnection, request: bytes, *given: Any, **more: Any) -> Any:
        asked.append(request)
        return exchange(self, request, *given, **more)

    monkeypatch.setattr(HttpConnection, "exchange", noted)
    return asked
