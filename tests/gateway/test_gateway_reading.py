"""Reading, watching and cancelling notifications; the operator's view."""

from __future__ import annotations

import uuid

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from pulse.common.v1 import enums_pb2, notification_pb2
from pulse.common.v1.notification_filter_pb2 import NotificationFilter
from pulse.gateway.v1 import notification_service_pb2 as api
from pulse.gateway.v1 import operations_service_pb2 as operations
from pulse.ledger.v1 import ledger_reader_pb2
from shared.errors import Code
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal

UNKNOWN_ID = "0197a000-0000-7000-8000-00000000ffff"


@pytest.fixture(autouse=True)
def known(peers: fakes.Peers) -> notification_pb2.Notification:
    """One notification of this tenant, and one of another."""
    mine = notification_pb2.Notification(notification_id=fakes.KNOWN_ID, status=enums_pb2.FAILED)
    peers.know(mine)
    peers.know(notification_pb2.Notification(notification_id=UNKNOWN_ID), tenant="other")
    return mine


async def test_a_notification_is_found_by_its_id_in_any_case(client: Client) -> None:
    found = await client.notifications.GetNotification(
        api.GetNotificationRequest(notification_id=fakes.KNOWN_ID.upper())
    )
    assert found.notification_id == fakes.KNOWN_ID


@pytest.mark.parametrize(
    "notification_id, code, reason",
    [
        ("", Code.INVALID_ARGUMENT, "INVALID_FIELDS"),
        ("not-a-uuid", Code.INVALID_ARGUMENT, "INVALID_FIELDS"),
        ("..%2f" + fakes.KNOWN_ID, Code.INVALID_ARGUMENT, "INVALID_FIELDS"),
        (UNKNOWN_ID, Code.NOT_FOUND, "NOTIFICATION_NOT_FOUND"),
    ],
)
async def test_an_id_that_is_none_of_the_tenants_is_refused_everywhere(
    client: Client, peers: fakes.Peers, notification_id: str, code: Code, reason: str
) -> None:
    calls = [
        client.notifications.GetNotification(api.GetNotificationRequest(notification_id=notification_id)),
        client.notifications.CancelNotification(api.CancelNotificationRequest(notification_id=notification_id)),
        client.notifications.AcknowledgeNotification(
            api.AcknowledgeNotificationRequest(notification_id=notification_id)
        ),
        client.operations.ReplayDeadLetter(operations.ReplayDeadLetterRequest(notification_id=notification_id)),
        client.notifications.WatchNotification(api.WatchNotificationRequest(notification_id=notification_id)).read(),
    ]
    for call in calls:
        error = await refusal(call)
        assert (error.code, error.reason) == (code, reason)


async def test_filters_and_pages_travel(client: Client, peers: fakes.Peers) -> None:
    peers.reader.fitting = 1
    peers.know(notification_pb2.Notification(notification_id=str(uuid.uuid4()), status="FAILED"))
    peers.know(notification_pb2.Notification(notification_id=str(uuid.uuid4()), status="FAILED"))
    page = await client.notifications.ListNotifications(
        api.ListNotificationsRequest(
            user_id="u", status="FAILED", channel="SMS", template_name="t", page_token="1", created_after={"seconds": 5}
        )
    )
    [inner] = peers.reader.requests
    assert (inner.tenant_id, inner.page_size, inner.page_token, inner.user_id) == ("default", 50, "1", "u")
    assert (list(inner.statuses), inner.channel, inner.template_name) == ([enums_pb2.FAILED], enums_pb2.SMS, "t")
    assert inner.created_after.seconds == 5 and not inner.HasField("created_before")
    assert len(page.notifications) == 1 and page.next_page_token == "2"


@pytest.mark.parametrize("fields", [{"page_size": -1}, {"page_size": 1001}, {"status": 99}, {"user_id": "a\0"}])
async def test_a_filter_that_cannot_be_is_refused(client: Client, peers: fakes.Peers, fields: dict) -> None:
    error = await refusal(client.notifications.ListNotifications(api.ListNotificationsRequest(**fields)))
    assert (error.code, [v.field for v in error.violations]) == (Code.INVALID_ARGUMENT, list(fields))
    assert not peers.reader.requests


async def test_a_time_that_cannot_be_is_refused_as_a_filter(client: Client, peers: fakes.Peers) -> None:
    year_10000 = {"seconds": 253_402_300_800}
    calls = [
        client.notifications.ListNotifications(api.ListNotificationsRequest(created_after=year_10000)),
        client.operations.ListDeadLetters(
            operations.ListDeadLettersRequest(filter=operations.DeadLetterFilter(died_before=year_10000))
        ),
    ]
    for call in calls:
        assert (await refusal(call)).reason == "TIME_OUT_OF_RANGE"
    assert not peers.reader.requests


async def test_the_zero_time_of_go_is_a_time_that_nobody_set(client: Client, peers: fakes.Peers) -> None:
    zero = {"seconds": -62_135_596_800}
    await client.notifications.ListNotifications(api.ListNotificationsRequest(created_after=zero, created_before=zero))
    await client.operations.ListDeadLetters(
        operations.ListDeadLettersRequest(filter=operations.DeadLetterFilter(died_after=zero, died_before=zero))
    )
    listed, dead = peers.reader.requests
    assert not (listed.HasField("created_after") or listed.HasField("created_before"))
    assert not (dead.filter.HasField("died_after") or dead.filter.HasField("died_before"))


async def test_a_filter_with_a_nul_is_refused(client: Client, peers: fakes.Peers) -> None:
    asked = operations.ListDeadLettersRequest(filter=operations.DeadLetterFilter(provider="smtp\0"))
    assert (await refusal(client.operations.ListDeadLetters(asked))).reason == "FILTER_NUL"
    assert not peers.reader.requests


async def test_a_cancel_says_who_asked(client: Client, peers: fakes.Peers) -> None:
    answer = await client.notifications.CancelNotification(
        api.CancelNotificationRequest(notification_id=fakes.KNOWN_ID)
    )
    assert answer.status == enums_pb2.CANCELLED
    assert peers.ledger.cancels[0].actor == "anonymous"


async def test_all_that_match_are_taken_back_by_a_filter_that_names_something(
    client: Client, peers: fakes.Peers
) -> None:
    zero = Timestamp(seconds=-62_135_596_800)
    wanted = NotificationFilter(user_id="u", metadata={"campaign": "7"}, created_after=zero)
    asked = api.CancelNotificationsRequest(filter=wanted)
    answer = await client.notifications.CancelNotifications(asked)
    assert (answer.matched, answer.cancelled) == (7, 5)
    [inner] = peers.admin.changes
    assert (inner.tenant_id, inner.actor, inner.filter.user_id) == ("default", "anonymous", "u")
    assert dict(inner.filter.metadata) == {"campaign": "7"} and not inner.filter.HasField("created_after")


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (None, "INVALID_FIELDS"),
        (NotificationFilter(), "FILTER_EMPTY"),
        (NotificationFilter(created_before=Timestamp(seconds=5)), "FILTER_EMPTY"),
        (NotificationFilter(metadata={"a": "x\0"}), "FILTER_NUL"),
        (NotificationFilter(metadata={"": "x"}), "INVALID_FIELDS"),
        (NotificationFilter(metadata={str(number): "" for number in range(33)}), "INVALID_FIELDS"),
        (NotificationFilter(user_id="u\n"), "INVALID_FIELDS"),
        (NotificationFilter(category="No Such"), "INVALID_FIELDS"),
        (NotificationFilter(channel=99), "INVALID_FIELDS"),  # type: ignore[arg-type]
        (NotificationFilter(user_id="u", created_after=Timestamp(seconds=10**12)), "TIME_OUT_OF_RANGE"),
    ],
)
async def test_a_filter_to_cancel_by_that_cannot_be_changes_nothing(
    client: Client, peers: fakes.Peers, wanted: NotificationFilter | None, reason: str
) -> None:
    asked = api.CancelNotificationsRequest(filter=wanted)
    refused = await refusal(client.notifications.CancelNotifications(asked))
    assert (refused.code, refused.reason) == (Code.INVALID_ARGUMENT, reason)
    assert not peers.admin.changes


async def test_an_acknowledgement_says_who_gave_it(client: Client, peers: fakes.Peers) -> None:
    asked = api.AcknowledgeNotificationRequest(notification_id=fakes.KNOWN_ID.upper())
    assert (await client.notifications.AcknowledgeNotification(asked)).status == enums_pb2.DELIVERED
    [inner] = peers.ledger.acknowledged
    assert (inner.ref.tenant_id, inner.ref.notification_id, inner.actor) == ("default", fakes.KNOWN_ID, "anonymous")


async def test_queues_and_statistics_are_shown(client: Client, peers: fakes.Peers) -> None:
    peers.reader.lanes = [ledger_reader_pb2.LaneDepth(lane="HIGH", due=1, waiting=2, sending=3)]
    peers.reader.cells = [ledger_reader_pb2.StatisticsCell(status="SENT", channel="SMS", count=7)]
    depths = await client.operations.GetQueueDepths(operations.GetQueueDepthsRequest())
    assert [(q.lane, q.due, q.waiting, q.sending) for q in depths.queues] == [(enums_pb2.HIGH, 1, 2, 3)]
    statistics = await client.operations.GetStatistics(operations.GetStatisticsRequest())
    assert statistics.counts[0].count == 7 and statistics.average_retry_attempts == 1.5
    assert peers.reader.requests[-1].window.seconds == 86_400


async def test_statistics_are_told_by_hour_and_provider_if_asked(client: Client, peers: fakes.Peers) -> None:
    cell = ledger_reader_pb2.StatisticsCell(status="SENT", channel="SMS", count=7, provider="twilio")
    cell.bucket_start.seconds = 3600
    peers.reader.cells = [cell]
    asked = operations.GetStatisticsRequest(window={"seconds": 86_400}, bucket={"seconds": 3600}, by_provider=True)
    told = (await client.operations.GetStatistics(asked)).counts[0]
    assert (told.provider, told.bucket_start.seconds) == ("twilio", 3600)
    inner = peers.reader.requests[-1]
    assert (inner.bucket.seconds, inner.by_provider) == (3600, True)


async def test_a_window_cut_into_too_many_pieces_is_refused(client: Client, peers: fakes.Peers) -> None:
    asked = operations.GetStatisticsRequest(window={"seconds": 86_400}, bucket={"seconds": 60})
    error = await refusal(client.operations.GetStatistics(asked))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "BUCKETS_TOO_MANY")


DEATHS = operations.DeadLetterFilter(
    channel="SMS", provider="smtp", failure_code="550", died_after={"seconds": 100}, died_before={"seconds": 200}
)


async def test_dead_letters_are_listed_by_what_they_died_of_and_when(client: Client, peers: fakes.Peers) -> None:
    page = await client.operations.ListDeadLetters(operations.ListDeadLettersRequest(filter=DEATHS, page_token="p"))
    assert [one.notification_id for one in page.dead_letters] == [fakes.KNOWN_ID] and page.next_page_token == "next"
    [inner] = peers.reader.requests
    assert (inner.tenant_id, inner.page_size, inner.page_token) == ("default", 50, "p")
    assert inner.filter.SerializeToString() == DEATHS.SerializeToString()


async def test_many_dead_letters_are_replayed_at_a_rate_and_in_a_name(client: Client, peers: fakes.Peers) -> None:
    answer = await client.operations.ReplayDeadLetters(operations.ReplayDeadLettersRequest(filter=DEATHS))
    assert (answer.matched, answer.replayed, answer.last_due_time.seconds) == (7, 5, 50)
    [inner] = peers.admin.replays
    assert (inner.tenant_id, inner.rate_per_second, inner.dry_run, inner.actor) == ("default", 100, False, "anonymous")
    assert inner.filter.SerializeToString() == DEATHS.SerializeToString()


async def test_a_dry_run_only_counts(client: Client, peers: fakes.Peers) -> None:
    answer = await client.operations.ReplayDeadLetters(
        operations.ReplayDeadLettersRequest(rate_per_second=9, dry_run=True)
    )
    assert (answer.matched, answer.replayed, answer.HasField("last_due_time")) == (7, 0, False)
    assert (peers.admin.replays[0].rate_per_second, peers.admin.replays[0].dry_run) == (9, True)


@pytest.mark.parametrize("rate", [-1, 10_001])
async def test_a_rate_that_cannot_be_is_refused(client: Client, peers: fakes.Peers, rate: int) -> None:
    error = await refusal(
        client.operations.ReplayDeadLetters(operations.ReplayDeadLettersRequest(rate_per_second=rate))
    )
    assert (error.code, error.violations[0].field) == (Code.INVALID_ARGUMENT, "rate_per_second")
    assert not peers.admin.replays


async def test_a_dead_letter_is_replayed_once(client: Client, peers: fakes.Peers) -> None:
    asked = operations.ReplayDeadLetterRequest(notification_id=fakes.KNOWN_ID)
    assert (await client.operations.ReplayDeadLetter(asked)).status == enums_pb2.QUEUED
    assert peers.admin.replays[0].actor == "anonymous"
    error = await refusal(client.operations.ReplayDeadLetter(asked))
    assert (error.code, error.reason) == (Code.FAILED_PRECONDITION, "NOT_A_DEAD_LETTER")
