"""Addresses of hosts: the system's resolver blocks, and knows no deadline."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

from services.delivery.providers.base.threads import Threads


async def look_up(threads: Threads, host: str, port: int) -> list[Any]:
    """As ``socket.getaddrinfo``; raises OSError, also for what is no name, and :class:`.threads.TooManyHang`."""
    if _is_address(host):
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)

    def find() -> list[Any]:
        try:
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            raise socket.gaierror(socket.EAI_NONAME, "not a host's name") from error

    return await threads.run(find)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
