"""A gRPC channel that shows the newest certificate, without its users noticing a renewal.

gRPC's Python channels keep the certificate they were made with. So there is another channel after each renewal, and
every call takes the newest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

from shared.rpc.certificates import Certificates, Material

#: How long calls under way on the channel before may go on, s.
GRACE_SECONDS = 60.0

Open = Callable[[Material], grpc.aio.Channel]


class RenewedChannel(grpc.aio.Channel):
    """Opens a channel when first used, and another whenever the certificate changed since the last call."""

    def __init__(self, certificates: Certificates, open_with: Open) -> None:
        self._certificates = certificates
        self._open = open_with
        self._material = certificates.current()
        self._newest = open_with(self._material)
        self._leaving: set[asyncio.Task[None]] = set()

    def newest(self) -> grpc.aio.Channel:
        """The channel that shows the certificate of now."""
        material = self._certificates.current()
        if material != self._material:
            before, self._newest, self._material = self._newest, self._open(material), material
            leaving = asyncio.ensure_future(before.close(GRACE_SECONDS))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
        return self._newest

    async def __aenter__(self) -> RenewedChannel:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        """Closes every channel there is yet."""
        for leaving in self._leaving:
            leaving.cancel()
        await self._newest.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._newest.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._newest.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._newest.channel_ready()

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        return _Method(self, "unary_unary", args, kwargs)

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        return _Method(self, "unary_stream", args, kwargs)

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        return _Method(self, "stream_unary", args, kwargs)

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        return _Method(self, "stream_stream", args, kwargs)


class _Method:
    """A method of whichever channel is the newest when it is called."""

    def __init__(self, channel: RenewedChannel, kind: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._channel = channel
        self._kind = kind
        self._args = args
        self._kwargs = kwargs
        self._made_of: grpc.aio.Channel | None = None
        self._method: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        newest = self._channel.newest()
        if newest is not self._made_of:
            self._method, self._made_of = getattr(newest, self._kind)(*self._args, **self._kwargs), newest
        return self._method(*args, **kwargs)
