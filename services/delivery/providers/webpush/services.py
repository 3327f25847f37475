"""The push services that subscriptions name, and the connections to them."""

from __future__ import annotations

from services.delivery.providers.base.call import Call
from services.delivery.providers.base.http_answer import Answer, NoAnswer
from services.delivery.providers.base.http_client import HttpClient, target_of
from services.delivery.providers.base.http_clients import HttpClients
from shared.channel.device_tokens import Subscription

#: Push services that connections are kept to. Browsers' makers have a handful, and a subscription may name any.
MOST = 64


class PushServices:
    """For one event loop. They are reached at public addresses alone, but for those of ``trusted``, a look-alike."""

    def __init__(self, trusted: str, connections: int) -> None:
        """``trusted`` is an origin; empty: none."""
        self.clients = HttpClients(
            lambda origin, tls: HttpClient(origin, connections, tls, public_only=origin != trusted), MOST
        )

    async def post(self, call: Call, subscription: Subscription, headers: dict[str, str], body: bytes) -> Answer:
        """The answer: its status says it all, so its body need not come to an end. A redirection is not followed.

        Raises as :meth:`.http_client.HttpClient.request`, and :class:`.http_answer.NotPublic`.
        """
        async with self.clients.of(subscription.origin) as client:
            try:
                return await client.post(call, target_of(subscription.endpoint), headers, body)
            except NoAnswer as error:
                if error.begun is None:
                    raise
                return error.begun

    async def close(self) -> None:
        """Hangs up; no request is under way."""
        await self.clients.close()
