"""A gRPC channel whose unary calls share streams that are kept open: a small call costs each end about half so.

One stream is kept to each process of the peer, and calls take them in turn. Whatever a stream cannot do goes by the
unary method, as without streams: while none is open, to a peer of the release before, what is large, and (as the
channel's own retries would) what a stream broke under or was refused as UNAVAILABLE.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from shared.rpc import deadlines
from shared.rpc.kept.bounds import KEPT, MOST_BYTES
from shared.rpc.kept.open_streams import OpenStreams

#: What the channel's service config has tried again.
_WORTH_ANOTHER_TRY = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})


class KeptChannel(grpc.aio.Channel):
    """``channel``, by which the streams are opened, too; ``connections`` is how many that has to one address."""

    def __init__(self, channel: grpc.aio.Channel, connections: int = 1) -> None:
        self._channel = channel
        self._streams = OpenStreams(channel.stream_stream(KEPT), connections)

    async def __aenter__(self) -> KeptChannel:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        """Ends the streams, and closes the channel."""
        await self._streams.close()
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._channel.channel_ready()

    def unary_unary(  # type: ignore[override]  # what a stub is given can be called and awaited, and no more
        self,
        method: str,
        request_serializer: Callable[[Any], bytes],
        response_deserializer: Callable[[bytes], Any],
        _registered_method: bool = False,
    ) -> Any:
        unary: Callable[..., Any] = self._channel.unary_unary(method, None, response_deserializer)
        return _Method(method, self._streams, unary, request_serializer, response_deserializer)

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._channel.unary_stream(*args, **kwargs)

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        return self._channel.stream_unary(*args, **kwargs)

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._channel.stream_stream(*args, **kwargs)


class _Method:
    """A unary method, by a stream where that can be."""

    def __init__(
        self,
        name: str,
        streams: OpenStreams,
        unary: Callable[..., Any],
        serialize: Callable[[Any], bytes],
        deserialize: Callable[[bytes], Any],
    ) -> None:
        self._name = name
        self._streams = streams
        self._unary = unary
        self._serialize = serialize
        self._deserialize = deserialize

    def __call__(
        self, request: Any, *, timeout: float | None = None, metadata: tuple[tuple[str, str], ...] = ()
    ) -> Awaitable[Any]:
        """The answer; raises ``grpc.aio.AioRpcError``. Of ``metadata`` a traceparent alone goes by a stream."""
        return self._call(request, deadlines.LONGEST if timeout is None else timeout, metadata)

    async def _call(self, request: Any, seconds: float, metadata: tuple[tuple[str, str], ...]) -> Any:
        message = self._serialize(request)
        ends = time.monotonic() + seconds
        stream = self._streams.take() if len(message) <= MOST_BYTES else None
        if stream is not None:
            try:
                return self._deserialize(await stream.call(self._name, message, seconds, _traceparent(metadata)))
            except grpc.aio.AioRpcError as error:
                if error.code() not in _WORTH_ANOTHER_TRY:
                    raise
        left = max(ends - time.monotonic(), 0.001)
        return await self._unary(message, timeout=left, metadata=metadata or None)


def _traceparent(metadata: tuple[tuple[str, str], ...]) -> str:
    return next((value for key, value in metadata if key == "traceparent"), "")
