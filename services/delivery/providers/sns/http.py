"""What is asked of Amazon SNS by HTTP: certificates, and confirmations of subscriptions."""

from __future__ import annotations

import asyncio
import logging

import httpx

from services.delivery.providers.base.outgoing_proxies import proxy_for
from shared.errors import Code, PulseError

#: Longest wait for a whole answer, s: SNS gives up on whom it posts to after 15.
ASK_SECONDS = 5.0
#: Largest answer read, bytes.
LARGEST_ANSWER = 64 * 1024
#: Forged messages can make Pulse ask; they shall not make it ask much.
AT_ONCE = 4


class SnsRefusal(Exception):
    """SNS answered, and does not give what was asked for."""


class SnsHttp:
    """Asks addresses that were checked before. It follows no redirect, as that would lead to unchecked ones."""

    def __init__(self) -> None:
        # It would log each address asked, and one that confirms a subscription holds its token.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._clients: dict[str, httpx.AsyncClient] = {}  # by proxy
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def get(self, url: str) -> bytes:
        """The answer's body; raises :class:`SnsRefusal` or UNAVAILABLE."""
        try:
            async with asyncio.timeout(ASK_SECONDS), self._at_once:
                return await self._get(url)
        except (httpx.HTTPError, TimeoutError) as error:
            raise unavailable(f"SNS cannot be asked: {type(error).__name__}") from None

    async def close(self) -> None:
        """Hangs up."""
        for client in self._clients.values():
            await client.aclose()

    def _client(self, url: str) -> httpx.AsyncClient:
        proxy = proxy_for(url)
        if proxy not in self._clients:
            self._clients[proxy] = httpx.AsyncClient(
                headers={"Accept-Encoding": "identity"},  # what is packed could be unpacked to any size
                timeout=ASK_SECONDS,
                follow_redirects=False,
                trust_env=False,
                proxy=proxy or None,
            )
        return self._clients[proxy]

    async def _get(self, url: str) -> bytes:
        async with self._client(url).stream("GET", url) as answer:
            if answer.status_code >= 500 or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                raise unavailable(f"SNS answers {answer.status_code}")
            if answer.status_code != httpx.codes.OK:
                raise SnsRefusal(f"SNS answers {answer.status_code}")
            body = b""
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    raise SnsRefusal("the answer of SNS is too large")
            return body


def unavailable(why: str) -> PulseError:
    """UNAVAILABLE: SNS gave no answer that settles it; asking again may help."""
    return PulseError(Code.UNAVAILABLE, "SNS_UNAVAILABLE", why)
