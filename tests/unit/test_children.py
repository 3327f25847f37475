"""One of several processes, as its parent hears it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from shared.processes import child as children
from shared.processes.child import Child


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Child, socket.socket]]:
    """A child that says often that it is alive, and its parent's socket."""
    monkeypatch.setattr(children, "BEAT_SECONDS", 0.001)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        yield Child(1, theirs), ours


async def test_what_leaves_is_not_called_alive_again(pair: tuple[Child, socket.socket]) -> None:
    """Its loop goes on for a while, and another thread says that it leaves."""
    child, parent = pair
    following = asyncio.create_task(child.follow())
    heard = bytearray()

    async def has_heard(word: bytes) -> None:
        async with asyncio.timeout(5):
            while word not in heard:
                heard.extend(await asyncio.get_running_loop().sock_recv(parent, 4096))

    await has_heard(b"alive\n")
    await asyncio.to_thread(child.tell_leaving)
    await has_heard(b"leaving\n")
    beats = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, beats.set)
    await beats.wait()
    child.tell_figures(1)
    await has_heard(b"figures 1\n")
    following.cancel()
    await asyncio.wait([following])
    assert heard.endswith(b"leaving\nfigures 1\n")
