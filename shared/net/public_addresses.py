"""Which addresses belong to the internet: what goes where others say must not be led into a network of ours. Pure."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Addresses of IPv4 inside those of IPv6, for translators on the way (RFC 6052, RFC 8215).
_TRANSLATED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
#: One to four numbers, decimal, octal or hexadecimal.
_NUMBERS = re.compile(r"(?:0x)?[0-9a-f]+(?:\.(?:0x)?[0-9a-f]+){0,3}", re.IGNORECASE | re.ASCII)
#: Public by its number, and answered by the cloud that a machine is in.
_CLOUDS_OWN = ipaddress.ip_address("168.63.129.16")


def is_public(address: Address) -> bool:
    """False for what is loopback, private, link-local, shared, multicast or reserved, also inside an IPv6 address."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _inner(address)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved and address != _CLOUDS_OWN


def networks(text: str) -> tuple[Network, ...]:
    """Networks such as 10.1.0.0/16, by commas; raises ValueError."""
    return tuple(ipaddress.ip_network(one.strip()) for one in text.split(",") if one.strip())


def may_be_called(address: Address, besides: Sequence[Network]) -> bool:
    """Whether it is public, or lies in a network that is allowed ``besides``."""
    inner = _inner(address) if isinstance(address, ipaddress.IPv6Address) else None
    return is_public(address) or is_within(inner or address, besides)


def is_within(address: Address, among: Sequence[Network]) -> bool:
    """Whether it lies in one of them."""
    return any(address in network for network in among)


def literal(host: str) -> Address | None:
    """The address that a host is written as, be it as whoever connects reads 127.1, 0x7f000001 or 2130706433.

    None: it is a name.
    """
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        pass
    if _NUMBERS.fullmatch(host) is None:
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def names_this_machine(host: str) -> bool:
    """Whether a name is that of whoever reads it (RFC 6761, section 6.3)."""
    name = host.rstrip(".").lower()
    return name == "localhost" or name.endswith(".localhost")


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that packets to it end at."""
    if any(address in network for network in _TRANSLATED):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
