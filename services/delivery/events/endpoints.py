"""Requests to endpoints that others named."""

from __future__ import annotations

import datetime as dt
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import certifi

from services.delivery.events.requests import Written
from services.delivery.providers.base.call import calling
from services.delivery.providers.base.http_answer import Answer, NoAnswer, NotPublic, NotSent
from services.delivery.providers.base.http_client import HttpClient, target_of
from services.delivery.providers.base.threads import TooManyHang
from shared.net.public_addresses import Network

#: What is read of an answer, bytes.
LARGEST_ANSWER = 64 * 1024
#: Endpoints whose connections are kept.
_MOST_KEPT = 200
#: Connections to one.
_CONNECTIONS = 10


class Outcome(NamedTuple):
    """What a request came to; ``status`` 0: there was no answer, for the reason ``error``."""

    status: int
    body: str = ""
    error: str = ""
    retry_after: float | None = None


class _Kept:
    """A client, and how many use it."""

    def __init__(self, client: HttpClient) -> None:
        self.client = client
        self.users = 0


class Endpoints:
    """Calls public addresses alone, and those in networks ``besides``; follows no redirect.

    The address that was looked at is the one that is called.
    """

    def __init__(self, besides: Sequence[Network], seconds: float) -> None:
        self._besides = besides
        self._seconds = seconds
        # Made once: it takes as long as many requests.
        self._tls = ssl.create_default_context(cafile=certifi.where())
        self._kept: dict[str, _Kept] = {}

    async def post(self, url: str, request: Written) -> Outcome:
        """One request, which ends in time."""
        with calling(time.monotonic() + self._seconds) as call:
            call.largest = LARGEST_ANSWER
            try:
                with self._client(url) as client:
                    answer = await client.post(call, target_of(url), request.headers, request.body)
            except NotPublic:
                return Outcome(0, error="its address lies in no network that may be called")
            except NoAnswer as error:
                return Outcome(error.begun.status if error.begun else 0, error=str(error))
            except (NotSent, TooManyHang, TimeoutError) as error:
                return Outcome(0, error=str(error) or "it could not be reached in time")
            except ValueError:
                return Outcome(0, error="its url is none")
        return _outcome(answer)

    async def close(self) -> None:
        """Hangs up; no request is under way."""
        for kept in self._kept.values():
            await kept.client.close()

    @contextmanager
    def _client(self, url: str) -> Iterator[HttpClient]:
        kept = self._kept.pop(url, None) or _Kept(
            HttpClient(url, _CONNECTIONS, self._tls, public_only=True, besides=self._besides)
        )
        self._kept[url] = kept  # the last used last
        kept.users += 1
        try:
            yield kept.client
        finally:
            kept.users -= 1

    async def forget(self) -> None:
        """Hangs up where nobody was called for longest, if they are too many."""
        idle = [url for url, kept in self._kept.items() if not kept.users]
        for url in idle[: max(0, len(self._kept) - _MOST_KEPT)]:
            await self._kept.pop(url).client.close()


def _outcome(answer: Answer) -> Outcome:
    error = "a redirect is not followed" if 300 <= answer.status <= 399 else ""
    body = answer.body.decode("utf-8", "replace")
    return Outcome(answer.status, body, error, answer.retry_after(dt.datetime.now(dt.UTC)))
