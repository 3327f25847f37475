"""One of a role's several processes: what it knows of its parent, and what it tells it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import threading

#: How often a child shows that its event loop runs, s.
BEAT_SECONDS = 5.0

#: The last argument of a child: its number, from 1, and the descriptor of its socket to the parent.
_ARGUMENT = "--child={}:{}"

#: What a child says: that it serves and its loop runs; that it ends; and, with a port of the loopback interface, where
#: its figures are.
ALIVE, LEAVING, FIGURES = "alive", "leaving", "figures"


def argument(number: int, descriptor: int) -> str:
    """What a child is started with, beside the arguments of its parent."""
    return _ARGUMENT.format(number, descriptor)


def taken_from(arguments: list[str]) -> Child | None:
    """The child that a process with these ``arguments`` is, which lose the one that says so; None: it is none."""
    said = re.fullmatch(_ARGUMENT.format(r"(\d+)", r"(\d+)"), arguments[-1]) if arguments else None
    if said is None:
        return None
    arguments.pop()
    return Child(int(said[1]), socket.socket(fileno=int(said[2])))


class Child:
    """This process, as one of several. A child whose parent is gone ends like one that is told to."""

    def __init__(self, number: int, parent: socket.socket) -> None:
        #: From 1; a child that takes the place of one that died has its number.
        self.number = number
        self._parent = parent
        self._has_left = False
        self._saying = threading.Lock()

    def tell_figures(self, port: int) -> None:
        """Tells the parent where to ask for what this process counts."""
        self._say(f"{FIGURES} {port}")

    def tell_leaving(self) -> None:
        """Tells the parent, from any thread, that this process serves no more, and may be silent from now on.

        That is its last word: what follows in another thread's loop does not call it alive again.
        """
        with self._saying:
            self._has_left = True
            self._say(LEAVING)

    async def follow(self) -> None:
        """Tells the parent that this process serves, again and again while this loop runs, until the parent is gone."""
        self._parent.setblocking(False)
        gone = asyncio.create_task(self._until_gone())
        try:
            while not gone.done():
                self._say_alive()
                await asyncio.wait([gone], timeout=BEAT_SECONDS)
        finally:
            gone.cancel()
        os.kill(os.getpid(), signal.SIGTERM)

    async def _until_gone(self) -> None:
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().sock_recv(self._parent, 1)  # it says nothing: this is its end

    def _say_alive(self) -> None:
        with self._saying:
            if not self._has_left:
                self._say(ALIVE)

    def _say(self, word: str) -> None:
        try:
            self._parent.send(f"{word}\n".encode())
        except OSError:  # the parent is gone, or has not read for long: it looks at that itself
            return
