"""The roles that a gateway calls, and its calls as the public is told of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.gateway.config import GatewaySettings
from shared.errors import Code, PulseError
from shared.rpc import channels
from shared.rpc.channels import open_channel

Request = TypeVar("Request")
Response = TypeVar("Response")


class Peers:
    """A channel to each."""

    def __init__(self, settings: GatewaySettings) -> None:
        tls = settings.tls
        self.router = open_channel(
            settings.router_address, tls, "router", processes=settings.router_processes, keeps_calls=True
        )
        self.ledger = open_channel(settings.ledger_address, tls, "ledger", processes=settings.ledger_processes)
        self.delivery = open_channel(settings.delivery_address, tls, "delivery", processes=settings.delivery_processes)
        #: To the ledger. Watches share neither the connection nor its bound on concurrent calls with what else asks it.
        self.watching = open_channel(settings.ledger_address, tls, "ledger", own_connection=True)

    async def close(self) -> None:
        """Ends what is under way."""
        for channel in (self.router, self.watching, self.ledger, self.delivery):
            await channel.close()


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
