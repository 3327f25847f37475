"""Any channel through a program of the operator's own, by a signed webhook."""

from __future__ import annotations

import contextlib
import json
from typing import NamedTuple, Self

import requests
import urllib3.exceptions

from services.delivery.providers.base.blocking import BlockingProvider
from services.delivery.providers.base.call import Call
from services.delivery.providers.base.deadline_adapter import DeadlineAdapter, prepare_session
from services.delivery.providers.base.http_errors import never_sent, retry_after_seconds
from services.delivery.providers.webhook import answers
from services.delivery.providers.webhook.settings import WebhookSettings
from services.delivery.providers.webhook.signature import Signer
from services.delivery.rules.provider import Outcome, Outgoing, transient, unanswered
from shared.clock import Clock
from shared.observe.logs import logger

#: An answer's body says nothing; so much of it is read, for the connection to be used again, bytes.
LARGEST_ANSWER = 64 * 1024

log = logger(__name__)


class _Webhook(NamedTuple):
    """One signed notification."""

    id: str
    body: bytes
    headers: dict[str, str]


class WebhookProvider(BlockingProvider[_Webhook]):
    """Posts notifications as JSON; blocking, from any number of threads, over shared kept connections.

    The id by which each is signed stays the same for one notification and channel, however often it is sent: a receiver
    that remembers ids turns at least once into exactly once. A call without an answer stays open all the same.
    """

    name = "webhook"

    def __init__(self, url: str, channel: str, signer: Signer, *, connections: int, clock: Clock) -> None:
        self._url = url
        self._signer = signer
        self._clock = clock
        self._adapter = DeadlineAdapter(connections)
        self._session = requests.Session()
        prepare_session(self._session, self._adapter, url)
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

    def build(self, outgoing: Outgoing) -> _Webhook:
        body = _body(outgoing)
        webhook_id = f"{outgoing.notification_id}-{outgoing.channel.lower()}"
        signature = self._signer.headers(webhook_id, int(self._clock.now().timestamp()), body)
        return _Webhook(webhook_id, body, {"Content-Type": "application/json", **signature})

    def call(self, message: _Webhook, call: Call) -> Outcome:
        """A refused connection is certain; a request without a readable answer is not."""
        try:
            status = self._post(message)
        except requests.RequestException as error:
            if never_sent(error, call):
                return transient("WEBHOOK_UNREACHABLE", "the webhook's receiver cannot be reached")
            return unanswered("WEBHOOK_NO_ANSWER", "the webhook's receiver gave no answer that can be read")
        if answers.is_configuration(status):
            log.error("the webhook's receiver refuses Pulse's configuration", status=status)
        retry_after = retry_after_seconds(call.retry_after, self._clock.now())
        return answers.classify(status, message.id, retry_after)

    def close(self) -> None:
        self._adapter.close()

    def _post(self, webhook: _Webhook) -> int:
        """The status of the answer; a redirection is one, and is not followed."""
        with self._session.post(
            self._url, webhook.body, headers=webhook.headers, allow_redirects=False, stream=True
        ) as response:
            with contextlib.suppress(urllib3.exceptions.HTTPError, OSError):  # the status has said it all
                response.raw.read(LARGEST_ANSWER)
            return response.status_code


def _body(outgoing: Outgoing) -> bytes:
    values = {
        "notification_id": outgoing.notification_id,
        "tenant_id": outgoing.tenant_id,
        "attempt": outgoing.attempt,
        "channel": outgoing.channel,
        "to": outgoing.to,
        "subject": outgoing.subject,
        "body": outgoing.body,
        "html_body": outgoing.html_body,
        "unsubscribe_url": outgoing.unsubscribe_url,
    }
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
