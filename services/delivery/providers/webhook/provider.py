"""Any channel through a program of the operator's own, by a signed webhook."""

from __future__ import annotations

from typing import NamedTuple, Self

from services.delivery.providers.base.call import Call
from services.delivery.providers.base.http_answer import Answer, NoAnswer
from services.delivery.providers.base.http_client import HttpClient, target_of
from services.delivery.providers.base.http_provider import HttpProvider
from services.delivery.providers.base.standard_signature import Signer
from services.delivery.providers.webhook import answers
from services.delivery.providers.webhook import body as bodies
from services.delivery.providers.webhook.settings import WebhookSettings
from services.delivery.rules.provider import Outcome, Outgoing, permanent
from shared.clock import Clock
from shared.observe.logs import logger

log = logger(__name__)


class _Webhook(NamedTuple):
    """One signed notification."""

    id: str
    body: bytes
    headers: dict[str, str]


class WebhookProvider(HttpProvider[_Webhook]):
    """Posts notifications as JSON.

    The id by which each is signed stays the same for one notification, channel and, where it goes to several, device,
    however often it is sent: a receiver that remembers ids turns at least once into exactly once. A call without an
    answer stays open all the same.
    """

    name = "webhook"
    peer = "the webhook's receiver"

    def __init__(self, url: str, channel: str, signer: Signer, *, connections: int, clock: Clock) -> None:
        self._target = target_of(url)
        self._signer = signer
        self._clock = clock
        self._http = HttpClient(url, connections)
        self.channel = channel
        self.concurrency = connections

    @classmethod
    def from_settings(cls, settings: WebhookSettings, clock: Clock) -> Self:
        """Connects to nothing yet; raises ValueError for a secret that is none."""
        return cls(
            settings.webhook_url,
            settings.webhook_channel,
            Signer.parse(settings.webhook_secret.get_secret_value()),
            connections=settings.webhook_connections,
            clock=clock,
        )

    def build(self, outgoing: Outgoing) -> _Webhook | Outcome:
        body = bodies.body(outgoing)
        if len(body) > bodies.LARGEST:
            return permanent(
                "WEBHOOK_TOO_LARGE", f"a webhook of {len(body)} bytes; at most {bodies.LARGEST} can be sent"
            )
        webhook_id = "-".join(
            filter(None, (outgoing.notification_id, outgoing.channel.lower(), outgoing.device_token_id))
        )
        signature = self._signer.headers(webhook_id, int(self._clock.now().timestamp()), body)
        return _Webhook(webhook_id, body, {"Content-Type": "application/json", **signature})

    async def ask(self, message: _Webhook, call: Call) -> Outcome:
        """A refused connection is certain; a request without a readable answer is not."""
        answer = await self._posted(message, call)
        if answers.is_configuration(answer.status):
            log.error("the webhook's receiver refuses Pulse's configuration", status=answer.status)
        return answers.classify(answer.status, message.id, answer.retry_after(self._clock.now()))

    async def close(self) -> None:
        await self._http.close()

    async def _posted(self, webhook: _Webhook, call: Call) -> Answer:
        """The answer: its status says it all, so its body need not come to an end. A redirection is not followed."""
        try:
            return await self._http.post(call, self._target, webhook.headers, webhook.body)
        except NoAnswer as error:
            if error.begun is None:
                raise
            return error.begun
