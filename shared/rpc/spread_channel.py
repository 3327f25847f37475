"""A gRPC channel of several connections, whose calls take them in turn.

Where several processes share a port the kernel gives each connection to one of them: by a single connection a caller
would only ever reach one.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import grpc
import grpc.aio


class SpreadChannel(grpc.aio.Channel):
    """Made of ``channels``, each of which has a connection of its own."""

    def __init__(self, channels: Sequence[grpc.aio.Channel]) -> None:
        self._channels = channels

    async def __aenter__(self) -> SpreadChannel:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        """Closes all connections."""
        await asyncio.gather(*(channel.close(grace) for channel in self._channels))

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """The first connection's."""
        return self._channels[0].get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Of the first connection."""
        await self._channels[0].wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Returns when all connections are there."""
        await asyncio.gather(*(channel.channel_ready() for channel in self._channels))

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        return _in_turn([channel.unary_unary(*args, **kwargs) for channel in self._channels])

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        return _in_turn([channel.unary_stream(*args, **kwargs) for channel in self._channels])

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        return _in_turn([channel.stream_unary(*args, **kwargs) for channel in self._channels])

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        return _in_turn([channel.stream_stream(*args, **kwargs) for channel in self._channels])


def _in_turn(methods: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
    turns = itertools.cycle(methods)

    def call(*args: Any, **kwargs: Any) -> Any:
        return next(turns)(*args, **kwargs)

    return call
