"""Callers of a service all of whose processes are replaced at once, at other addresses under the same name."""

from __future__ import annotations

import asyncio
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from pulse.router.v1 import router_service_pb2 as pb
from pulse.router.v1 import router_service_pb2_grpc as rpc
from shared.rpc.channels import open_channel
from tests.support import eventually
from tests.support.names import name_server

#: Every address of 127.0.0.0/8 is this machine's: one port, and peers that differ by address as pods do.
OLD, NEW, NEWEST = ("127.0.0.11", "127.0.0.12"), ("127.0.0.13", "127.0.0.14"), ("127.0.0.15", "127.0.0.16")
CALLERS = 5


async def test_no_call_fails_when_all_peers_are_replaced_at_once() -> None:
    """Twice in a row, as a rollout that follows another at once meets channels that have asked just now."""
    port, answered, stop = _free_port(), 0, asyncio.Event()

    async with name_server() as (names, name_port):
        channel = open_channel(f"dns://127.0.0.1:{name_port}/router.test:{port}")
        stub = rpc.RouterServiceStub(channel)

        async def caller() -> None:
            nonlocal answered
            while not stop.is_set():
                await stub.Submit(pb.SubmitRequest(), timeout=10)
                answered += 1
                await asyncio.sleep(0.01)

        async def more_answers() -> None:
            enough = answered + 3 * CALLERS
            await eventually(lambda: answered >= enough)

        async with channel, _serving(OLD, port) as old:
            names.addresses = OLD
            async with asyncio.TaskGroup() as callers:
                for _ in range(CALLERS):
                    callers.create_task(caller())
                await more_answers()
                for newcomers in (NEW, NEWEST):
                    async with _serving(newcomers, port, stay=True) as new:
                        names.addresses = newcomers
                        await _end(old)
                        await more_answers()
                        old = new
                stop.set()
            await _end(old)


@asynccontextmanager
async def _serving(addresses: Sequence[str], port: int, *, stay: bool = False) -> AsyncIterator[list[Process]]:
    """A process for each address, all ready; ended after the block unless they ``stay``."""
    command = (sys.executable, "-m", "tests.support.peer")
    peers = [await asyncio.create_subprocess_exec(*command, f"{address}:{port}", stdout=PIPE) for address in addresses]
    try:
        for peer in peers:
            assert peer.stdout is not None
            assert await peer.stdout.readline() == b"ready\n"
        yield peers
    except BaseException:
        stay = False
        raise
    finally:
        if not stay:
            await _end(peers)


async def _end(peers: Sequence[Process]) -> None:
    for peer in peers:
        if peer.returncode is None:
            peer.terminate()
    await asyncio.gather(*(peer.wait() for peer in peers))


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((OLD[0], 0))
        return int(found.getsockname()[1])
