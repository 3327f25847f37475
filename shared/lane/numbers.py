"""The contract's numbers of lanes, which are those of priorities."""

from __future__ import annotations

from pulse.common.v1 import enums_pb2
from shared.lane.names import Lane

_NUMBERS = {lane: enums_pb2.Priority.Value(lane.value) for lane in Lane}
_LANES: dict[int, Lane] = {number: lane for lane, number in _NUMBERS.items()}


def lane_of(number: int) -> Lane | None:
    """The lane of a priority; None: none is said, or one that is newer than this release."""
    return _LANES.get(number)


def priority_of(lane: Lane | None) -> enums_pb2.Priority.ValueType:
    """The priority of a lane; PRIORITY_UNSPECIFIED for None."""
    return enums_pb2.PRIORITY_UNSPECIFIED if lane is None else _NUMBERS[lane]
