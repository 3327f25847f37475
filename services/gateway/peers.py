"""Calls to the router and the ledger, as the public is told of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.errors import Code, PulseError
from shared.rpc import channels

Request = TypeVar("Request")
Response = TypeVar("Response")


async def ask(method: Callable[..., Awaitable[Response]], request: Request) -> Response:
    """The peer's answer; its error as it came, save that no address of the inside gets out."""
    try:
        return await channels.call(method, request)
    except PulseError as error:
        raise presentable(error) from error


def presentable(error: PulseError) -> PulseError:
    """The error without gRPC's own words on a lost connection, which name hosts and ports."""
    if error.code is Code.UNAVAILABLE and error.reason in ("UNAVAILABLE", "UPSTREAM"):
        return PulseError(
            Code.UNAVAILABLE, "UNAVAILABLE", "a part of Pulse cannot be reached just now; try again", retry_after=1.0
        )
    return error
