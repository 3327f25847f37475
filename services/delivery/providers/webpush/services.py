"""The push services that subscriptions name, and the connections to them."""

from __future__ import annotations

import ssl
from collections import OrderedDict

import certifi

from services.delivery.providers.base.call import Call
from services.delivery.providers.base.http_answer import Answer, NoAnswer
from services.delivery.providers.base.http_client import HttpClient, target_of
from shared.channel.device_tokens import Subscription

#: Push services that connections are kept to. Browsers' makers have a handful, and a subscription may name any.
MOST = 64


class PushServices:
    """For one event loop. They are reached at public addresses alone, but for those of ``trusted``, a look-alike."""

    def __init__(self, trusted: str, connections: int) -> None:
        """``trusted`` is an origin; empty: none."""
        self._trusted = trusted
        self._connections = connections
        self._tls = ssl.create_default_context(cafile=certifi.where())
        self._clients: OrderedDict[str, HttpClient] = OrderedDict()

    async def post(self, call: Call, subscription: Subscription, headers: dict[str, str], body: bytes) -> Answer:
        """The answer: its status says it all, so its body need not come to an end. A redirection is not followed.

        Raises as :meth:`.http_client.HttpClient.request`, and :class:`.http_answer.NotPublic`.
        """
        origin = subscription.origin
        client = self._clients.get(origin)
        if client is None:
            client = HttpClient(origin, self._connections, self._tls, public_only=origin != self._trusted)
            self._clients[origin] = client
        self._clients.move_to_end(origin)
        await self._shrink()
        try:
            return await client.post(call, target_of(subscription.endpoint), headers, body)
        except NoAnswer as error:
            if error.begun is None:
                raise
            return error.begun
        finally:
            if self._clients.get(origin) is not client:  # it had to make room meanwhile
                await client.close()

    async def close(self) -> None:
        """Hangs up; no request is under way."""
        for client in self._clients.values():
            await client.close()

    async def _shrink(self) -> None:
        while len(self._clients) > MOST:
            _, client = self._clients.popitem(last=False)
            await client.close()
