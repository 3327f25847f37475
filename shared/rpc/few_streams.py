"""Streams that need no credential, of health and of reflection: a few at a time, and no more."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio

#: Streams of one method in one process.
MOST = 100

Context = grpc.aio.ServicerContext[Any, Any]


def few(handler: Any) -> Any:
    """The handler, with RESOURCE_EXHAUSTED for streams beyond :data:`MOST` at a time; one without streams as it is."""
    behaviour = handler.unary_stream or handler.stream_stream
    if not behaviour:
        return handler
    bounded = _Bounded(behaviour)
    make = grpc.unary_stream_rpc_method_handler if handler.unary_stream else grpc.stream_stream_rpc_method_handler
    call = bounded.call if inspect.iscoroutinefunction(behaviour) else bounded.iterate
    return make(call, handler.request_deserializer, handler.response_serializer)


class _Bounded:
    def __init__(self, behaviour: Any) -> None:
        self._behaviour = behaviour
        self._open = 0

    async def call(self, request: Any, context: Context) -> None:
        """For a behaviour that writes what it has to say."""
        await self._refuse_beyond(context)
        self._open += 1
        try:
            await self._behaviour(request, context)
        finally:
            self._open -= 1

    async def iterate(self, request: Any, context: Context) -> AsyncIterator[Any]:
        """For one that yields it."""
        await self._refuse_beyond(context)
        self._open += 1
        try:
            async for response in self._behaviour(request, context):
                yield response
        finally:
            self._open -= 1

    async def _refuse_beyond(self, context: Context) -> None:
        if self._open >= MOST:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, f"at most {MOST} of these streams at a time")
