"""Entry: a provider as the registry lists it: all that is known of it while its library is not loaded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic, NamedTuple, TypeVar
from urllib.parse import urlsplit

from services.delivery.providers.base.destinations import Destinations
from services.delivery.providers.base.outgoing_proxies import proxy_for
from services.delivery.providers.base.receiver import Receiver
from services.delivery.providers.base.settings import ProviderSettings
from services.delivery.rules.provider import Provider
from shared.clock import Clock

#: A provider's own settings.
Own = TypeVar("Own", bound=ProviderSettings)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One provider's address."""

    name: str
    channel: str  # its name in the contract
    host: str  # empty: it has no one place
    port: int


class Lookalike(NamedTuple):
    """How a provider is pointed at its look-alike in the sandbox."""

    #: Its environment, in which ``{url}``, ``{host}`` and ``{port}`` stand for where the look-alike listens.
    environment: Mapping[str, str]
    #: Whoever sets one of these keys has a provider of their own: nothing of it is set for them.
    owners: tuple[str, ...]

    def told(self, host: str, port: int) -> dict[str, str]:
        """The environment for a look-alike that listens there."""
        place = {"url": f"http://{host}:{port}", "host": host, "port": str(port)}
        return {key: value.format_map(place) for key, value in self.environment.items()}


class Entry(ABC, Generic[Own]):
    """One provider. All but what :meth:`build` and :meth:`receiver` give works without its library."""

    #: As routes spell it, and its folder's name.
    name: ClassVar[str]
    #: Its own.
    settings: type[Own]
    lookalike: ClassVar[Lookalike]

    @abstractmethod
    def channel(self, settings: Own) -> str:
        """The name of the channel that it serves."""

    @abstractmethod
    def url(self, settings: Own) -> str:
        """Where it is called, with a port where its scheme has no usual one; empty: it is not configured."""

    @abstractmethod
    def build(self, settings: Own, clock: Clock) -> Provider:
        """The provider, of settings that configure it; connects to nothing yet. Raises ValueError or OSError."""

    def receiver(self, settings: Own, clock: Clock) -> Receiver | None:
        """Takes what it reports of notifications; None: it reports nothing."""
        return None

    def destinations(self, settings: Own) -> Destinations | None:
        """Takes in where its notifications may go; None: that stands in requests, or it is not configured."""
        return None

    def endpoint(self, settings: Own) -> Endpoint | None:
        """Where a call goes first: by HTTP to the proxy, if there is one on the way. None: it is not configured."""
        url = self.url(settings)
        if not url:
            return None
        by_http = url.startswith(("http://", "https://"))
        parts = urlsplit((proxy_for(url) if by_http else "") or url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return Endpoint(self.name, self.channel(settings), parts.hostname or "", port)
