"""Where a request is to go: its own channel first, then the channels it moves on to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.gateway.rules.addresses import Addresses
from shared.channel.table import Channel
from shared.errors import invalid_field
from shared.text.channel_bounds import Bound


class ChannelAddress(NamedTuple):
    """One channel and an address in its terms; ``path`` is its place in the request, "" for the request itself.

    ``bound`` is what that address carries at the most, where that is not the same for all of the channel's.
    """

    channel: Channel
    address: str
    path: str = ""
    bound: Bound | None = None

    def field(self, name: str) -> str:
        """The path of one of its fields in the request."""
        return f"{self.path}.{name}" if self.path else name


def normalise(addresses: Addresses, wanted: Sequence[ChannelAddress]) -> list[str]:
    """The addresses, in their order, as they are stored and sent to.

    Raises INVALID_ARGUMENT for an address that is missing or cannot be, and for a channel named twice.
    """
    found: list[str] = []
    for number, one in enumerate(wanted):
        if number and any(one.channel == earlier.channel for earlier in wanted[:number]):
            raise invalid_field(one.field("channel"), "CHANNEL_REPEATED", "is a channel that comes before it already")
        found.append(_address(addresses, one))
    return found


def _address(addresses: Addresses, one: ChannelAddress) -> str:
    facts = one.channel.facts
    if one.address:
        return addresses.normalise(facts.address, one.address, one.field("to"))
    if facts.needs_address:
        raise invalid_field(one.field("to"), "INVALID_FIELDS", "is required")
    return ""
