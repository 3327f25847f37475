"""The original's gauges, made of the ledger's figures."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import ledger_reader_pb2 as pb
from services.gateway.api.original.metrics import Figures, OriginalMetrics


class Reader:
    """A ledger with these figures; remembers what it was asked."""

    def __init__(self, depths: pb.GetQueueDepthsResponse, statistics: pb.GetStatisticsResponse) -> None:
        self._answers = depths, statistics
        self.asked: list[Any] = []

    async def GetQueueDepths(self, request: Any, timeout: float) -> pb.GetQueueDepthsResponse:
        self.asked.append(request)
        return self._answers[0]

    async def GetStatistics(self, request: Any, timeout: float) -> pb.GetStatisticsResponse:
        self.asked.append(request)
        return self._answers[1]


def cell(status: str, channel: str, count: int) -> pb.StatisticsCell:
    return pb.StatisticsCell(
        status=enums_pb2.Status.Value(status), channel=enums_pb2.Channel.Value(channel), count=count
    )


def shown(*cells: pb.StatisticsCell, lanes: dict[str, int] | None = None) -> dict[str, dict[str, float]]:
    """Each metric's values by its one label's."""
    depths = [pb.LaneDepth(lane=enums_pb2.Priority.Value(lane), due=due) for lane, due in (lanes or {}).items()]
    figures = Figures(
        pb.GetQueueDepthsResponse(lanes=depths), pb.GetStatisticsResponse(cells=cells, average_retry_attempts=1.5)
    )
    return shown_of(figures)


def shown_of(figures: Figures) -> dict[str, dict[str, float]]:
    """The same of all that a ledger may say."""
    families = OriginalMetrics(Reader(*figures)).show(figures)  # type: ignore[arg-type]
    return {
        family.name: {"".join(sample.labels.values()): sample.value for sample in family.samples} for family in families
    }


async def test_all_tenants_of_a_day_are_asked_for() -> None:
    reader = Reader(pb.GetQueueDepthsResponse(), pb.GetStatisticsResponse())
    assert await OriginalMetrics(reader).ask() == (pb.GetQueueDepthsResponse(), pb.GetStatisticsResponse())
    assert {request.tenant_id for request in reader.asked} == {""}
    assert reader.asked[1].window.seconds == 86_400


def test_an_empty_ledger_has_every_label_with_zero() -> None:
    found = shown()
    assert found["pulse_celery_queue_length"] == {"high_priority": 0, "low_priority": 0}
    assert found["pulse_notifications_by_status"] == {"pending": 0, "retrying": 0, "sent": 0, "failed": 0}
    for name in ("pulse_notifications_by_channel", "pulse_notification_failure_rate", "pulse_dead_letters"):
        assert found[name] == {"email": 0, "sms": 0, "push": 0, "whatsapp": 0, "chat": 0}


def test_a_lane_is_shown_under_its_queues_name() -> None:
    assert shown(lanes={"HIGH": 3, "LOW": 4})["pulse_celery_queue_length"] == {"high_priority": 3, "low_priority": 4}


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("SCHEDULED", "pending"),
        ("QUEUED", "pending"),
        ("SENDING", "pending"),
        ("RETRYING", "retrying"),
        ("SENT", "sent"),
        ("DELIVERED", "sent"),
        ("UNDELIVERED", "failed"),
        ("FAILED", "failed"),
        ("UNKNOWN", "failed"),
        ("EXPIRED", "failed"),
        ("CANCELLED", "failed"),
        ("SUPPRESSED", "failed"),
    ],
)
def test_a_status_is_shown_in_the_originals_word(status: str, word: str) -> None:
    by_status = shown(cell(status, "EMAIL", 7))["pulse_notifications_by_status"]
    assert {name for name, count in by_status.items() if count} == {word}
    assert by_status[word] == 7


def test_what_shares_a_word_or_a_channel_is_added_up() -> None:
    found = shown(cell("SENT", "SMS", 2), cell("DELIVERED", "SMS", 3), cell("QUEUED", "PUSH", 4))
    assert found["pulse_notifications_by_status"] == {"pending": 4, "retrying": 0, "sent": 5, "failed": 0}
    assert found["pulse_notifications_by_channel"] == {"email": 0, "sms": 5, "push": 4, "whatsapp": 0, "chat": 0}
    assert found["pulse_avg_retry_attempts"] == {"": 1.5}


def test_the_failure_rate_is_a_percentage_of_those_whose_sending_had_an_outcome() -> None:
    found = shown(
        cell("SENT", "EMAIL", 6),
        cell("DELIVERED", "EMAIL", 1),
        cell("FAILED", "EMAIL", 1),
        cell("UNDELIVERED", "EMAIL", 1),
        cell("UNKNOWN", "EMAIL", 1),
        cell("QUEUED", "EMAIL", 100),
        cell("CANCELLED", "EMAIL", 100),
        cell("FAILED", "SMS", 2),
    )
    assert found["pulse_notification_failure_rate"] == {"email": 30, "sms": 100, "push": 0, "whatsapp": 0, "chat": 0}
    assert found["pulse_dead_letters"] == {"email": 3, "sms": 2, "push": 0, "whatsapp": 0, "chat": 0}


def test_what_only_another_release_knows_is_pending_by_no_channel() -> None:
    cells = [pb.StatisticsCell(status=status, channel=99, count=2) for status in (99, 100, 0)]
    depths = [pb.LaneDepth(lane=lane, due=5) for lane in (99, 0, enums_pb2.HIGH)]
    figures = Figures(pb.GetQueueDepthsResponse(lanes=depths), pb.GetStatisticsResponse(cells=cells))
    found = shown_of(figures)
    assert found["pulse_notifications_by_status"]["pending"] == 6
    assert found["pulse_notifications_by_channel"][""] == 6
    assert found["pulse_celery_queue_length"] == {"high_priority": 5, "low_priority": 0}
