"""Where a request is to go: its own channel first, then the channels it moves on to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from services.gateway.rules.addresses import Addresses
from shared.channel.table import Channel
from shared.errors import invalid_field


class Destination(NamedTuple):
    """One channel and an address in its terms; ``path`` is its place in the request, "" for the request itself."""

    channel: Channel
    address: str
    path: str = ""

    def field(self, name: str) -> str:
        """The path of one of its fields in the request."""
        return f"{self.path}.{name}" if self.path else name


def normalise(addresses: Addresses, wanted: Iterable[Destination]) -> list[Destination]:
    """The destinations in their order, with the addresses as they are stored and sent to.

    Raises INVALID_ARGUMENT for an address that is missing or cannot be, and for a channel named twice.
    """
    found: list[Destination] = []
    for destination in wanted:
        if any(destination.channel == earlier.channel for earlier in found):
            raise invalid_field(
                destination.field("channel"), "CHANNEL_REPEATED", "is a channel that comes before it already"
            )
        found.append(destination._replace(address=_address(addresses, destination)))
    return found


def _address(addresses: Addresses, destination: Destination) -> str:
    field = destination.field("to")
    if destination.address:
        return addresses.normalise(destination.channel.facts.address, destination.address, field)
    if destination.channel.facts.needs_address:
        raise invalid_field(field, "INVALID_FIELDS", "is required")
    return ""
