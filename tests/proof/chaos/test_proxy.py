"""A link passes on, holds back, goes silent and resets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from proof.chaos.proxy import Direction, Link
from tests.support import eventually

SOON_S = 0.2


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    """A link in front of a server that answers each line with the same line."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(line)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    tested = Link("echo", server.sockets[0].getsockname()[1])
    await tested.start()
    try:
        yield tested
    finally:
        await tested.stop()
        server.close()


async def answer(reader: asyncio.StreamReader) -> bytes:
    """The next line; empty if there is none soon, or none ever."""
    with contextlib.suppress(TimeoutError):
        return await asyncio.wait_for(reader.readline(), SOON_S)
    return b""


async def connect(link: Link) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", link.port)


async def test_it_passes_everything_on(link: Link) -> None:
    reader, writer = await connect(link)
    writer.write(b"one\ntwo\n")
    assert [await answer(reader), await answer(reader)] == [b"one\n", b"two\n"]


@pytest.mark.parametrize("direction", Direction)
async def test_what_is_held_comes_in_order_once_it_is_released(link: Link, direction: Direction) -> None:
    reader, writer = await connect(link)
    link.hold(direction)
    writer.write(b"one\n")
    await eventually(lambda: link.held == 4)
    assert await answer(reader) == b""
    writer.write(b"two\n")
    link.release()
    assert [await answer(reader), await answer(reader)] == [b"one\n", b"two\n"]
    assert link.held == 0


async def test_a_silence_loses_what_was_held_and_what_comes(link: Link) -> None:
    reader, writer = await connect(link)
    link.hold(Direction.REQUEST)
    writer.write(b"one\n")
    await eventually(lambda: link.held)
    link.silence()
    new_reader, new_writer = await connect(link)
    writer.write(b"two\n")
    new_writer.write(b"three\n")
    assert [await answer(reader), await answer(new_reader)] == [b"", b""]


async def test_connections_that_a_silence_hit_are_reset_when_it_ends_and_new_ones_work(link: Link) -> None:
    reader, writer = await connect(link)
    writer.write(b"one\n")
    assert await answer(reader) == b"one\n"
    link.silence()
    link.mend()
    with pytest.raises(ConnectionError):
        await reader.readline()
    reader, writer = await connect(link)
    writer.write(b"two\n")
    assert await answer(reader) == b"two\n"


async def test_a_reset_ends_every_connection_and_loses_what_was_held(link: Link) -> None:
    reader, writer = await connect(link)
    link.hold(Direction.REQUEST)
    writer.write(b"one\n")
    await eventually(lambda: link.held)
    link.reset()
    with pytest.raises(ConnectionError):
        await reader.readline()
    assert link.held == 0
