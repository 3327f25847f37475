"""Statistics: how many notifications of a channel and provider stand where, by the hour they were accepted in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pulse.common.v1 import enums_pb2
from pulse.gateway.v1 import operations_service_pb2
from pulse.gateway.v1.operations_service_pb2_grpc import OperationsServiceStub
from pulse_client.calls import Call
from pulse_client.enums import Channel, Status
from pulse_client.models import Cost
from pulse_client.read import costs
from pulse_client.wire import name, time, to_duration

HOUR = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Count:
    """One cell. ``provider`` is that of the last attempt, empty before the first; ``hour`` is its hour's beginning."""

    status: Status
    channel: Channel
    count: int
    provider: str = ""
    hour: dt.datetime | None = None


@dataclass(frozen=True)
class Statistics:
    """All cells; ``average_retry_attempts`` is over those that are RETRYING now."""

    counts: Sequence[Count]
    average_retry_attempts: float
    costs: Sequence[Cost] = ()


def in_detail(window: dt.timedelta) -> Call[Statistics]:
    """GetStatistics by provider and hour."""
    request = operations_service_pb2.GetStatisticsRequest(
        window=to_duration(window), bucket=to_duration(HOUR), by_provider=True
    )
    return Call(OperationsServiceStub, "GetStatistics", request, _read)


def by_hour(counts: Sequence[Count], current: dt.datetime, hours: int) -> Mapping[dt.datetime, Mapping[Channel, int]]:
    """Accepted by channel in each of the last ``hours`` (their beginnings), oldest first; ``current`` still runs."""
    found: dict[dt.datetime, dict[Channel, int]] = {current - HOUR * back: {} for back in reversed(range(hours))}
    for cell in counts:
        if cell.hour in found:
            channels = found[cell.hour]
            channels[cell.channel] = channels.get(cell.channel, 0) + cell.count
    return found


def _read(answer: operations_service_pb2.GetStatisticsResponse) -> Statistics:
    return Statistics([_count(cell) for cell in answer.counts], answer.average_retry_attempts, costs(answer.costs))


def _count(cell: operations_service_pb2.StatusCount) -> Count:
    return Count(
        status=name(Status, enums_pb2.Status, cell.status),
        channel=name(Channel, enums_pb2.Channel, cell.channel),
        count=cell.count,
        provider=cell.provider,
        hour=time(cell, "bucket_start"),
    )
