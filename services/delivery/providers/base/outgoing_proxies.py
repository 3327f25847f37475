"""By which proxy the outside is reached, as the environment says: http_proxy, https_proxy, all_proxy and no_proxy.

The libraries each read these in a way of their own; here is one way for all. What listens on this machine is never
reached by a proxy, whatever no_proxy says.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from shared.config import proxy_environment

_PORTS = {"http": 80, "https": 443}


def proxy_for(url: str, environment: Mapping[str, str] | None = None) -> str:
    """The proxy's address for ``url``; empty: none. ``environment`` has names in lower case.

    Raises ValueError for a proxy that is not reached by HTTP.
    """
    given = proxy_environment() if environment is None else environment
    parts = urlsplit(url)
    proxy = given.get(f"{parts.scheme}_proxy", given.get("all_proxy", "")).strip()
    if not proxy or _is_local(parts.hostname or "") or _is_spared(parts, given.get("no_proxy", "")):
        return ""
    address = proxy if "://" in proxy else f"http://{proxy}"
    if not address.lower().startswith(("http://", "https://")):
        raise ValueError(f"{parts.scheme}_proxy or all_proxy must begin with http:// or https://")
    return address


def _is_local(host: str) -> bool:
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address(name)
    return address is not None and (address.is_loopback or address.is_unspecified)


def _is_spared(parts: SplitResult, no_proxy: str) -> bool:
    host, port = (parts.hostname or "").rstrip(".").lower(), parts.port or _PORTS.get(parts.scheme, 0)
    return any(_fits(host, port, entry) for entry in no_proxy.lower().replace(",", " ").split())


def _fits(host: str, port: int, entry: str) -> bool:
    """Whether an entry of no_proxy means this host: by name, by the end of its name, by address or network."""
    if entry == "*":
        return True
    place, wanted_port = _without_port(entry)
    if wanted_port and wanted_port != port:
        return False
    address = _address(host)
    if address is not None:
        network = _network(place)
        return network is not None and address in network
    name = place.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _without_port(entry: str) -> tuple[str, int]:
    """``[::1]:80`` and ``host:80`` with their ports, ``::1`` and ``fd00::/8`` without."""
    place, colon, port = entry.rpartition(":")
    if colon and port.isdecimal() and (":" not in place or place.endswith("]")):
        return place.strip("[]"), int(port)
    return entry.strip("[]"), 0


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
