"""What a subscription to events may say. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from shared.errors import PulseError, invalid_field
from shared.net.domains import BadDomain, ascii_domain
from shared.net.public_addresses import Network, literal, may_be_called, names_this_machine

_FIELD = "subscription.url"


def check_url(url: str, besides: Sequence[Network]) -> None:
    """Refuses what is no address by HTTP, and what surely leads into no network that may be called.

    Names are looked up when they are called, by who calls. Raises INVALID_ARGUMENT.
    """
    try:
        parts = urlsplit(url)
        host, _ = ascii_domain(parts.hostname or ""), parts.port
    except (ValueError, BadDomain):
        raise _no_url() from None
    if parts.scheme not in ("http", "https") or not host or parts.fragment or "#" in url:
        raise _no_url()
    if parts.username is not None or parts.password is not None:
        raise invalid_field(_FIELD, "URL_WITH_LOGIN", "holds a user or a password, which would be shown to readers")
    address = literal(host)
    inside = names_this_machine(host) if address is None else not may_be_called(address, besides)
    if inside and not (address is None and besides):
        hint = "whoever runs Pulse can allow a network by PULSE_EVENT_NETWORKS"
        raise invalid_field(_FIELD, "PRIVATE_ADDRESS", "leads into no network that may be called", hint)


def _no_url() -> PulseError:
    return invalid_field(_FIELD, "INVALID_URL", "is no http or https address")
