"""The original Pulse's gauges, under its names and with its labels and words."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from google.protobuf.duration_pb2 import Duration
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import ledger_reader_pb2 as ledger
from services.gateway.api.original.wire import channel_name, status_word
from services.gateway.rules import compatibility
from shared.broker import QUEUES
from shared.channel.table import NAMES
from shared.rpc.channels import call

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

#: What is counted was accepted within this time, s: as long as the original's failure rate looks back.
WINDOW = 24 * 3600
#: Longest wait for the ledger, s.
TIMEOUT = 10.0

_STATUSES = tuple(dict.fromkeys(compatibility.STATUSES.values()))
_DEAD = (enums_pb2.FAILED, enums_pb2.UNDELIVERED, enums_pb2.UNKNOWN)
_ARRIVED = (enums_pb2.SENT, enums_pb2.DELIVERED)


class Figures(NamedTuple):
    """What the ledger says of all tenants."""

    depths: ledger.GetQueueDepthsResponse
    statistics: ledger.GetStatisticsResponse


class OriginalMetrics:
    """Asks the ledger, and shows its answer as the original did."""

    def __init__(self, reader: LedgerReaderAsyncStub) -> None:
        self._reader = reader

    async def ask(self) -> Figures:
        """Raises :class:`shared.errors.PulseError`."""
        statistics = ledger.GetStatisticsRequest(window=Duration(seconds=WINDOW))
        return Figures(
            *await asyncio.gather(
                call(self._reader.GetQueueDepths, ledger.GetQueueDepthsRequest(), TIMEOUT),
                call(self._reader.GetStatistics, statistics, TIMEOUT),
            )
        )

    def show(self, figures: Figures) -> Iterator[Metric]:
        """Every label is there from the start, with 0, and none stays behind that has gone."""
        by_status: Counter[str] = Counter(dict.fromkeys(_STATUSES, 0))
        by_channel: Counter[str] = Counter(dict.fromkeys(NAMES, 0))
        dead: Counter[str] = Counter(by_channel)
        arrived: Counter[str] = Counter()
        for cell in figures.statistics.cells:
            channel = channel_name(cell.channel)
            by_status[status_word(cell.status)] += cell.count
            by_channel[channel] += cell.count
            dead[channel] += cell.count * (cell.status in _DEAD)
            arrived[channel] += cell.count * (cell.status in _ARRIVED)
        due = {lane.lane: lane.due for lane in figures.depths.lanes}
        yield _gauge(
            "pulse_celery_queue_length",
            "Notifications due in a lane that no worker has in hand.",
            "queue_name",
            {queue: due.get(enums_pb2.Priority.Value(lane), 0) for lane, queue in QUEUES.items()},
        )
        yield _gauge("pulse_notifications_by_status", "Notifications of the last 24 h by status.", "status", by_status)
        yield _gauge(
            "pulse_notifications_by_channel", "Notifications of the last 24 h by channel.", "channel", by_channel
        )
        rates = {channel: _percentage(count, count + arrived[channel]) for channel, count in dead.items()}
        yield _gauge(
            "pulse_notification_failure_rate",
            "Percentage of the last 24 h's notifications with an outcome that failed.",
            "channel",
            rates,
        )
        yield GaugeMetricFamily(
            "pulse_avg_retry_attempts",
            "Mean attempts of those that are being retried.",
            figures.statistics.average_retry_attempts,
        )
        yield _gauge("pulse_dead_letters", "The last 24 h's FAILED, UNDELIVERED and UNKNOWN.", "channel", dead)


def _percentage(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def _gauge(name: str, documentation: str, label: str, values: dict[str, float] | dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, documentation, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family
