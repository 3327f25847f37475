"""Push to browsers: encrypted for each, and posted to the push service that its subscription names."""

from __future__ import annotations

import re
from typing import NamedTuple, Self
from urllib.parse import urlsplit

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec

from services.delivery.providers.base.call import Call
from services.delivery.providers.base.es256 import known_key
from services.delivery.providers.base.http_answer import Answer, NotPublic
from services.delivery.providers.base.http_provider import HttpProvider
from services.delivery.providers.webpush import answers
from services.delivery.providers.webpush.payload import LARGEST, headers, payload
from services.delivery.providers.webpush.services import PushServices
from services.delivery.providers.webpush.settings import WebpushSettings
from services.delivery.providers.webpush.vapid import Vapid, read_key
from services.delivery.rules.provider import Outcome, Outgoing, Rejection, permanent, succeeded
from shared.channel.device_tokens import Subscription, leads_outside, read_subscription
from shared.clock import Clock
from shared.observe.logs import logger

#: The last part of a path that a push service calls a push by.
_ID = re.compile(r"[A-Za-z0-9_.~:%=-]{1,128}")
_ENCRYPTED = {"Content-Encoding": "aes128gcm", "Content-Type": "application/octet-stream"}

log = logger(__name__)


class _Push(NamedTuple):
    """One push to one browser."""

    notification_id: str
    subscription: Subscription
    headers: dict[str, str]
    body: bytes


class WebpushProvider(HttpProvider[_Push]):
    """Sends pushes. Where to is what a browser said: only public addresses are called, and by https."""

    name = "webpush"
    channel = "PUSH"
    peer = "the push service"

    def __init__(self, vapid: Vapid, services: PushServices, trusted: str, *, connections: int, clock: Clock) -> None:
        """``trusted`` is the origin of a look-alike, which may be anywhere; empty: there is none."""
        self._vapid = vapid
        self._services = services
        self._trusted = trusted
        self._clock = clock
        self.concurrency = connections

    @classmethod
    def from_settings(cls, settings: WebpushSettings, clock: Clock) -> Self:
        """Connects to nothing yet; raises ValueError for a key that is none."""
        given = settings.webpush_private_key.get_secret_value()
        key = read_key(given) if given else known_key("pulse-sandbox-webpush")
        subject = settings.webpush_subject or "mailto:pulse@localhost.example"
        base, most = settings.webpush_base_url, settings.webpush_connections
        trusted = Subscription(base, b"", b"").origin if base else ""
        return cls(Vapid(key, subject, clock), PushServices(trusted, most), trusted, connections=most, clock=clock)

    def build(self, outgoing: Outgoing) -> _Push | Outcome:
        try:
            subscription = read_subscription(outgoing.to)
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), subscription.p256dh)
        except ValueError:
            return permanent("INVALID_SUBSCRIPTION", "the device's subscription is none", Rejection.GONE)
        if subscription.origin != self._trusted and not leads_outside(subscription):
            return _not_outside()
        text = payload(outgoing)
        if len(text) > LARGEST:
            return permanent("PAYLOAD_TOO_LARGE", f"a push by Web Push has at most {LARGEST} bytes")
        identity = {"Authorization": self._vapid.authorization(subscription.origin)}
        told = {**_ENCRYPTED, **headers(outgoing), **identity}
        return _Push(outgoing.notification_id, subscription, told, _encrypted(text, subscription))

    async def ask(self, message: _Push, call: Call) -> Outcome:
        """A refused connection is certain; a request without a readable answer is not."""
        try:
            answer = await self._services.post(call, message.subscription, message.headers, message.body)
        except NotPublic:
            return _not_outside()
        if 200 <= answer.status <= 299:
            return succeeded(_id(answer) or message.notification_id)
        if answers.is_configuration(answer.status):
            log.error("a push service refuses Pulse's key", status=answer.status, origin=message.subscription.origin)
        return answers.classify(answer.status, answer.retry_after(self._clock.now()))

    async def close(self) -> None:
        await self._services.close()


def _not_outside() -> Outcome:
    said = "the device's push service is not called: only public addresses are, and by https"
    return permanent("PUSH_SERVICE_NOT_PUBLIC", said, Rejection.REFUSED)


def _encrypted(text: bytes, to: Subscription) -> bytes:
    """For the browser alone, with a key pair for this push alone (RFC 8291, section 3)."""
    key = ec.generate_private_key(ec.SECP256R1())
    made: bytes = http_ece.encrypt(text, private_key=key, dh=to.p256dh, auth_secret=to.auth, version="aes128gcm")
    return made


def _id(answer: Answer) -> str:
    """What the push service calls the push, where it says so (RFC 8030, section 5)."""
    try:
        last = urlsplit(answer.headers.get("location", "")).path.rpartition("/")[2]
    except ValueError:
        return ""
    return last if _ID.fullmatch(last) else ""
