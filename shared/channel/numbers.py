"""The contract's numbers of channels. A reader may meet one that it does not know, from a newer release."""

from __future__ import annotations

from pulse.common.v1 import enums_pb2
from shared.channel.table import Channel

_NUMBERS = {channel: enums_pb2.Channel.Value(channel.value) for channel in Channel}
_CHANNELS: dict[int, Channel] = {number: channel for channel, number in _NUMBERS.items()}


def channel_of(number: int) -> Channel | None:
    """The channel of a number; None: none is said, or one that is newer than this release."""
    return _CHANNELS.get(number)


def number_of(channel: Channel | None) -> enums_pb2.Channel.ValueType:
    """The number of a channel; CHANNEL_UNSPECIFIED for None, and for one that only another release knows."""
    return enums_pb2.CHANNEL_UNSPECIFIED if channel is None else _NUMBERS.get(channel, enums_pb2.CHANNEL_UNSPECIFIED)
