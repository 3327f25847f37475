"""Push through the Apple Push Notification service, by HTTP/2."""

from __future__ import annotations

import json
from typing import NamedTuple, Self

from services.delivery.providers.apns import apns_errors
from services.delivery.providers.apns.payload import LARGEST, headers, payload
from services.delivery.providers.apns.provider_token import ProviderToken, read_key
from services.delivery.providers.apns.settings import APNS_URLS, ApnsSettings
from services.delivery.providers.base.call import Call
from services.delivery.providers.base.es256 import known_key
from services.delivery.providers.base.http2_client import Http2Client
from services.delivery.providers.base.http_answer import Answer
from services.delivery.providers.base.http_provider import HttpProvider
from services.delivery.rules.provider import Outcome, Outgoing, Rejection, permanent, succeeded
from shared.channel.device_tokens import is_apns_token
from shared.clock import Clock
from shared.observe.logs import logger

log = logger(__name__)


class _Push(NamedTuple):
    """One push to one device."""

    notification_id: str
    target: str
    headers: dict[str, str]
    body: bytes


class ApnsProvider(HttpProvider[_Push]):
    """Sends pushes for one app, all over one connection as far as Apple lets them."""

    name = "apns"
    channel = "PUSH"
    peer = "APNs"

    def __init__(self, url: str, topic: str, token: ProviderToken, *, connections: int, clock: Clock) -> None:
        self._topic = topic
        self._token = token
        self._clock = clock
        self._http = Http2Client(url, connections)
        self.concurrency = connections

    @classmethod
    def from_settings(cls, settings: ApnsSettings, clock: Clock) -> Self:
        """Connects to nothing yet; raises OSError or ValueError for a key file that is none."""
        key = read_key(settings.apns_key_file) if settings.apns_key_file else known_key("pulse-sandbox-apns")
        token = ProviderToken(key, settings.apns_key_id or "SANDBOXKEY", settings.apns_team_id or "SANDBOXTEA", clock)
        return cls(
            settings.apns_base_url or APNS_URLS[settings.apns_environment],
            settings.apns_topic or "com.example.app",
            token,
            connections=settings.apns_connections,
            clock=clock,
        )

    def build(self, outgoing: Outgoing) -> _Push | Outcome:
        if not is_apns_token(outgoing.to):
            return permanent("BadDeviceToken", "the device token is none of APNs'", Rejection.GONE)
        body = payload(outgoing)
        if len(body) > LARGEST:
            return permanent("PayloadTooLarge", f"a push by APNs has at most {LARGEST} bytes")
        told = {"apns-topic": self._topic, **headers(outgoing)}
        return _Push(outgoing.notification_id, f"/3/device/{outgoing.to.lower()}", told, body)

    async def ask(self, message: _Push, call: Call) -> Outcome:
        """A refused connection is certain; a request without a readable answer is not."""
        answer = await self._posted(message, call)
        if answer.status == 200:
            return succeeded(answer.headers.get("apns-id") or message.notification_id)
        reason = _reason(answer)
        if apns_errors.is_configuration(answer.status, reason):
            log.error("apns refuses Pulse's configuration", status=answer.status, reason=reason)
        return apns_errors.classify(answer.status, reason, answer.retry_after(self._clock.now()))

    async def close(self) -> None:
        await self._http.close()

    async def _posted(self, push: _Push, call: Call) -> Answer:
        """With a token made anew, once, where Apple calls ours expired."""
        token = self._token.text()
        answer = await self._post(push, token, call)
        expired = answer.status == 403 and _reason(answer) == apns_errors.EXPIRED
        renewed = self._token.instead_of(token) if expired else ""
        return await self._post(push, renewed, call) if renewed else answer

    async def _post(self, push: _Push, token: str, call: Call) -> Answer:
        return await self._http.post(call, push.target, {**push.headers, "authorization": f"bearer {token}"}, push.body)


def _reason(answer: Answer) -> str:
    """Apple's word for a refusal; empty: there is none that can be read."""
    try:
        reason = json.loads(answer.body)["reason"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return reason if isinstance(reason, str) and reason.isascii() and reason.isalnum() and len(reason) <= 64 else ""
