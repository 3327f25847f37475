"""Requests to endpoints that others named."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from typing import NamedTuple

from services.delivery.events.requests import Written
from services.delivery.providers.base.call import calling
from services.delivery.providers.base.http_answer import Answer, NoAnswer, NotPublic, NotSent
from services.delivery.providers.base.http_client import HttpClient, target_of
from services.delivery.providers.base.http_clients import HttpClients
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


class Endpoints:
    """Calls public addresses alone, and those in networks ``besides``; follows no redirect.

    The address that was looked at is the one that is called.
    """

    def __init__(self, besides: Sequence[Network], seconds: float) -> None:
        self._seconds = seconds
        self.clients = HttpClients(
            lambda url, tls: HttpClient(url, _CONNECTIONS, tls, public_only=True, besides=besides), _MOST_KEPT
        )

    async def post(self, url: str, request: Written) -> Outcome:
        """One request, which ends in time."""
        with calling(time.monotonic() + self._seconds) as call:
            call.largest = LARGEST_ANSWER
            try:
                async with self.clients.of(url) as client:
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
        await self.clients.close()


def _outcome(answer: Answer) -> Outcome:
    error = "a redirect is not followed" if 300 <= answer.status <= 399 else ""
    body = answer.body.decode("utf-8", "replace")
    return Outcome(answer.status, body, error, answer.retry_after(dt.datetime.now(dt.UTC)))
