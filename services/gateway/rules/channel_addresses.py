"""Where a request is to go: its own channel first, then the channels it moves on to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from services.gateway.rules.addresses import Addresses
from shared.channel.table import Channel
from shared.errors import invalid_field


class ChannelAddress(NamedTuple):
    """One channel and an address in its terms; ``path`` is its place in the request, "" for the request itself."""

    channel: Channel
    address: str
    path: str = ""

    def field(self, name: str) -> str:
        """The path of one of its fields in the request."""
        return f"{self.path}.{name}" if self.path else name


def normalise(addresses: Addresses, wanted: Iterable[ChannelAddress]) -> list[ChannelAddress]:
    """The channel addresses in their order, with the addresses as they are stored and sent to.

    Raises INVALID_ARGUMENT for an address that is missing or cannot be, and for a channel named twice.
    """
    found: list[ChannelAddress] = []
    named: set[Channel] = set()
    for one in wanted:
        if one.channel in named:
            raise invalid_field(one.field("channel"), "CHANNEL_REPEATED", "is a channel that comes before it already")
        named.add(one.channel)
        found.append(ChannelAddress(one.channel, _address(addresses, one), one.path))
    return found


def _address(addresses: Addresses, one: ChannelAddress) -> str:
    facts = one.channel.facts
    if one.address:
        return addresses.normalise(facts.address, one.address, one.field("to"))
    if facts.needs_address:
        raise invalid_field(one.field("to"), "INVALID_FIELDS", "is required")
    return ""
