"""Destinations are taken in: looked at, tried without sending, and encrypted."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import urlsplit

from services.delivery.providers.apprise.kinds import speaker
from services.delivery.providers.apprise.sealing import KeyRing
from services.delivery.providers.apprise.settings import AppriseSettings
from services.delivery.providers.apprise.speaking import CannotSpeak, Request
from services.delivery.providers.base.destinations import SealedDestination
from services.delivery.providers.base.look_ups import look_up
from services.delivery.providers.base.outgoing_proxies import proxy_for
from services.delivery.providers.base.threads import Threads, TooManyHang
from shared.errors import PulseError, invalid_field
from shared.net.public_addresses import Network, is_within, literal, may_be_called, names_this_machine, networks

_FIELD = "destination.url"
#: Longest address, bytes.
_LONGEST = 2048
_UNPRINTABLE = re.compile(r"[^!-~]")
#: Names that are given out within a network alone (RFC 6762, RFC 8375, and what clouds use).
_INNER_ENDS = (".local", ".localdomain", ".internal", ".intranet", ".lan", ".arpa")
#: Longest wait for a host's address, s: one that is not found now is looked at whenever something is sent.
_LOOK_UP_SECONDS = 2.0


class Registering:
    """As :class:`services.delivery.providers.base.destinations.Destinations`."""

    def __init__(self, keys: KeyRing, besides: Sequence[Network], *, elsewhere: bool, must_encrypt: bool) -> None:
        """``elsewhere``: what is sent goes to a look-alike, so that hosts are not looked up; ``must_encrypt``: an
        address without TLS must lead to a network that was allowed."""
        self._keys = keys
        self._besides = besides
        self._elsewhere = elsewhere
        self._must_encrypt = must_encrypt
        self._threads = Threads(8)

    @classmethod
    def from_settings(cls, settings: AppriseSettings) -> Self:
        return cls(
            KeyRing.parse(settings.apprise_keys.get_secret_value()),
            networks(settings.apprise_private_networks),
            elsewhere=bool(settings.apprise_base_url),
            must_encrypt=settings.env == "production",
        )

    async def seal(self, tenant_id: str, name: str, url: str) -> SealedDestination:
        kind, request = _tried(url)
        await self._refuse_inner(request)
        return SealedDestination(
            kind,
            urlsplit(request.url).hostname or "",
            self._keys.fingerprint(url),
            self._keys.key_id,
            self._keys.seal(tenant_id, name, url),
        )

    async def _refuse_inner(self, request: Request) -> None:
        parts = urlsplit(request.url)
        host, nobody_looks = parts.hostname or "", self._elsewhere or bool(proxy_for(request.url))
        if nobody_looks and not self._besides and _is_an_inner_name(host):
            raise _inner()
        found = _in_numbers(host, parts.port) or ([] if nobody_looks else await self._looked_up(host, parts.port))
        addresses = [address for one in found if (address := literal(one)) is not None]
        if not all(may_be_called(address, self._besides) for address in addresses):
            raise _inner()
        is_allowed_inside = bool(addresses) and all(is_within(address, self._besides) for address in addresses)
        if self._must_encrypt and parts.scheme != "https" and not is_allowed_inside:
            raise invalid_field(
                _FIELD, "DESTINATION_INSECURE", "goes without TLS", "take the scheme that ends in s, as in ntfys://"
            )

    async def _looked_up(self, host: str, port: int | None) -> list[str]:
        try:
            async with asyncio.timeout(_LOOK_UP_SECONDS):
                return [found[4][0] for found in await look_up(self._threads, host, port or 443)]
        except (OSError, TooManyHang):
            return []


def _tried(url: str) -> tuple[str, Request]:
    """Its kind, and what would be sent; raises INVALID_ARGUMENT."""
    try:
        if not url or len(url) > _LONGEST or _UNPRINTABLE.search(url):
            raise CannotSpeak(f"it is no address of 1 to {_LONGEST} visible characters of ASCII")
        speaks = speaker(url)
        return speaks.kind.name, speaks.request("0" * 36, "title", "text")
    except CannotSpeak as error:
        raise invalid_field(
            _FIELD, "DESTINATION_URL_INVALID", f"cannot be used: {error}", "docs/messages.md shows one of each kind"
        ) from None


def _in_numbers(host: str, port: int | None) -> list[str]:
    """Where a host in numbers leads, however they are written; none: it is a name."""
    try:
        found: list[Any] = socket.getaddrinfo(host, port or 443, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return []
    return [one[4][0] for one in found]


def _is_an_inner_name(host: str) -> bool:
    """Whether a host's name says that it is of this network alone."""
    name = host.rstrip(".").lower()
    return not _in_numbers(name, None) and (names_this_machine(name) or "." not in name or name.endswith(_INNER_ENDS))


def _inner() -> PulseError:
    return invalid_field(
        _FIELD,
        "DESTINATION_ADDRESS_PRIVATE",
        "leads to an address that is not of the public internet",
        "whoever runs Pulse can allow a network by PULSE_APPRISE_PRIVATE_NETWORKS",
    )
