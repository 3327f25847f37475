"""Addresses of hosts, looked up in threads of their own: the system's resolver blocks, and knows no deadline."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
from typing import Any


class TooManyHang(Exception):
    """As many look-ups are under way as may be: name servers are silent."""


class LookUps:
    """Looks names up, ``most`` at once. Not in the loop's own threads: who shares those would wait as well."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._under_way = 0

    async def addresses(self, host: str, port: int) -> list[Any]:
        """As ``socket.getaddrinfo``; raises OSError for what is no name, and :class:`TooManyHang`."""
        if _is_address(host):
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        if self._under_way >= self._most:
            raise TooManyHang
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[Any]] = loop.create_future()
        self._under_way += 1
        threading.Thread(target=self._look_up, args=(host, port, loop, found), name="look-up", daemon=True).start()
        return await found

    def _look_up(self, host: str, port: int, loop: asyncio.AbstractEventLoop, found: asyncio.Future[list[Any]]) -> None:
        addresses: list[Any] | OSError
        try:
            addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError:
            addresses = socket.gaierror(socket.EAI_NONAME, "not a host's name")
        except OSError as error:
            addresses = error
        with contextlib.suppress(RuntimeError):  # the loop has closed
            loop.call_soon_threadsafe(self._end, found, addresses)

    def _end(self, found: asyncio.Future[list[Any]], addresses: list[Any] | OSError) -> None:
        self._under_way -= 1
        if found.done():  # whoever asked did not wait so long
            return
        if isinstance(addresses, OSError):
            found.set_exception(addresses)
        else:
            found.set_result(addresses)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
