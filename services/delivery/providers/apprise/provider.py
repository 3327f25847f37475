"""Chat services, each called where a destination leads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from services.delivery.providers.apprise import answers
from services.delivery.providers.apprise.kinds import Speaker, speaker
from services.delivery.providers.apprise.sealing import CannotOpen, KeyRing
from services.delivery.providers.apprise.settings import AppriseSettings
from services.delivery.providers.apprise.speaking import CannotSpeak, Request
from services.delivery.providers.base.call import Call
from services.delivery.providers.base.http_answer import NotPublic
from services.delivery.providers.base.http_client import HttpClient, target_of
from services.delivery.providers.base.http_clients import HttpClients
from services.delivery.providers.base.http_provider import HttpProvider
from services.delivery.rules.provider import Outcome, Outgoing, misconfigured, permanent
from shared.clock import Clock
from shared.net.public_addresses import Network, networks
from shared.text.chat_bounds import CHAT_KINDS

#: Header by which who gets a notification can find it in Pulse.
_ID_HEADER = "X-Pulse-Notification-Id"
#: Destinations, and servers, of which what is made is remembered.
_MOST_REMEMBERED = 256


class _Message(NamedTuple):
    """One request to one kind of service."""

    kind: str
    notification_id: str
    request: Request


class AppriseProvider(HttpProvider[_Message]):
    """What goes wrong with one destination says nothing about the others, and so nothing about the provider."""

    name = "apprise"
    channel = "CHAT"
    peer = "the chat service"

    def __init__(
        self, keys: KeyRing, besides: Sequence[Network], base_url: str, *, connections: int, clock: Clock
    ) -> None:
        self._keys = keys
        self._base_url = base_url.rstrip("/")
        self._clock = clock
        self._speakers: OrderedDict[tuple[str, str, bytes], Speaker] = OrderedDict()
        self._clients = HttpClients(
            lambda place, tls: HttpClient(place, connections, tls, public_only=not base_url, besides=besides),
            _MOST_REMEMBERED,
        )
        self.concurrency = connections

    @classmethod
    def from_settings(cls, settings: AppriseSettings, clock: Clock) -> Self:
        """Connects to nothing yet."""
        return cls(
            KeyRing.parse(settings.apprise_keys.get_secret_value()),
            networks(settings.apprise_private_networks),
            settings.apprise_base_url,
            connections=settings.apprise_connections,
            clock=clock,
        )

    def build(self, outgoing: Outgoing) -> _Message | Outcome:
        try:
            speaks = self._speaker(outgoing)
            request = speaks.request(outgoing.notification_id, outgoing.subject, outgoing.body)
        except CannotOpen as error:
            said = f"the destination's address cannot be decrypted ({error})"
            return misconfigured("DESTINATION_SEALED", said, "PULSE_APPRISE_KEYS")
        except CannotSpeak as error:
            return permanent("DESTINATION_UNUSABLE", f"the destination's address cannot be used: {error}")
        bound = CHAT_KINDS[speaks.kind.name]
        if not bound.is_kept(outgoing.notification_id, outgoing.subject, outgoing.body, outgoing.said):
            return permanent("CHAT_TOO_LONG", f"{bound.what} has at most {bound.most} {bound.unit}")
        headers = {**request.headers, _ID_HEADER: outgoing.notification_id}
        return _Message(speaks.kind.name, outgoing.notification_id, request._replace(headers=headers))

    async def ask(self, message: _Message, call: Call) -> Outcome:
        request = message.request
        url = self._led(request.url)
        try:
            async with self._clients.of(_place(url)) as client:
                answer = await client.request(call, request.method, target_of(url), request.headers, request.body)
        except NotPublic as error:
            return permanent("DESTINATION_ADDRESS_PRIVATE", f"the destination cannot be called: {error}")
        return answers.classify(message.kind, answer, message.notification_id, self._clock.now())

    async def send(self, outgoing: Outgoing, deadline: float) -> Outcome:
        return (await super().send(outgoing, deadline))._replace(about_address=True)

    async def close(self) -> None:
        await self._clients.close()

    def _speaker(self, outgoing: Outgoing) -> Speaker:
        """Remembered, as reading an address takes Apprise a while."""
        key = outgoing.tenant_id, outgoing.to, outgoing.destination
        found = self._speakers.get(key)
        if found is None:
            found = self._speakers[key] = speaker(self._keys.open(*key))
            if len(self._speakers) > _MOST_REMEMBERED:
                self._speakers.popitem(last=False)
        self._speakers.move_to_end(key)
        return found

    def _led(self, url: str) -> str:
        """Where it goes: to the look-alike of all, if there is one, which is told in the path whom it stands for."""
        if not self._base_url:
            return url
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return f"{self._base_url}/{parts.hostname}{parts.path}{query}"


def _place(url: str) -> str:
    """Whose connections serve it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
