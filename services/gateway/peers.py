"""Calls to the router and the ledger, as the public is told of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import grpc.aio

from shared import channels, deadlines
from shared.errors import Code, PulseError, from_rpc_error

Request = TypeVar("Request")
Response = TypeVar("Response")


async def ask(method: Callable[..., Awaitable[Response]], request: Request) -> Response:
    """The peer's answer; its error as it came, save that no address of the inside gets out."""
    try:
        return await channels.call(method, request)
    except PulseError as error:
        raise presentable(error) from error


async def follow(method: Callable[..., Any], request: Any) -> AsyncIterator[Any]:
    """The peer's stream; ends it at the peer as soon as nobody listens any more."""
    call = method(request, timeout=deadlines.remaining())
    try:
        async for response in call:
            yield response
    except grpc.aio.AioRpcError as error:
        raise presentable(from_rpc_error(error)) from error
    finally:
        call.cancel()


def presentable(error: PulseError) -> PulseError:
    """The error without gRPC's own words on a lost connection, which name hosts and ports."""
    if error.code is Code.UNAVAILABLE and error.reason in ("UNAVAILABLE", "UPSTREAM"):
        return PulseError(
            Code.UNAVAILABLE, "UNAVAILABLE", "a part of Pulse cannot be reached just now; try again", retry_after=1.0
        )
    return error
