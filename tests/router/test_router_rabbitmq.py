"""Nodes of a RabbitMQ: each is tried before the broker counts as away."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from services.router.dispatch.celery_queue import BrokerUnavailableError, CeleryQueue
from shared.broker import QUEUES, celery_app


@pytest.mark.parametrize("nodes", [1, 2, 3, 5])
async def test_every_node_is_tried(nodes: int) -> None:
    """Each says goodbye at once, as one does that starts or has been paused."""
    tried: set[int] = set()

    async with contextlib.AsyncExitStack() as stack:
        ports = []
        for number in range(nodes):

            def leave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int = number) -> None:
                tried.add(number)
                writer.close()

            server = await asyncio.start_server(leave, "127.0.0.1", 0)
            await stack.enter_async_context(server)
            ports.append(server.sockets[0].getsockname()[1])
        places = ",".join(f"127.0.0.1:{port}" for port in ports)
        queue = CeleryQueue(celery_app(f"amqp://u:p@{places}//?queue_type=quorum"), QUEUES["LOW"])
        with pytest.raises(BrokerUnavailableError):
            await asyncio.to_thread(queue.depth)
    assert tried == set(range(nodes))
