"""The overview's figures come from the API, keep the last minutes, and outlive a gateway that goes away."""

from __future__ import annotations

from datetime import UTC, datetime

from pulse_client.enums import Channel, Status
from pulse_client.models import StatusCount
from services.console.history import History, Sample
from services.console.tally import tallies
from tests.console.fake_gateway import FakeGateway
from tests.support import eventually

FIGURES = "/console/overview.json"


async def test_figures_tell_lanes_channels_retries_and_hours(visitor):
    told = (await visitor.get(FIGURES)).json()
    lanes = {lane["lane"]: lane for lane in told["figures"]["lanes"]}
    assert (lanes["HIGH"]["due"], lanes["HIGH"]["age"], lanes["LOW"]["due"]) == (3, 90.0, 40)
    sms = next(channel for channel in told["figures"]["channels"] if channel["channel"] == "SMS")
    assert (sms["arrived"], sms["failed"]) == (25, 1)
    assert told["figures"]["average_retry_attempts"] == 1.5
    assert told["error"] is None


async def test_an_hour_that_is_over_is_the_difference_of_two_windows_and_asked_for_once(visitor, book):
    first = (await visitor.get(FIGURES)).json()["figures"]["hours"]
    assert len(first["start"]) == 24
    assert set(first["SMS"][:-1]) == {1}
    assert first["EMAIL"] == [0] * 24
    asked = len(book.requests)
    await eventually(lambda: _is_newer(visitor, len(book.requests), asked, book))
    assert len(book.requests) - asked <= 2 * 4, "lanes, day, minute and the running hour"


async def _is_newer(visitor, _before, asked, book):
    await visitor.get(FIGURES)
    return len(book.requests) > asked


async def test_many_viewers_are_no_more_load_than_one(visitor, book):
    await visitor.get(FIGURES)
    asked = len(book.requests)
    for _ in range(5):
        await visitor.get(FIGURES)
    assert len(book.requests) == asked


async def test_only_samples_that_the_page_does_not_have_are_sent(visitor):
    first = (await visitor.get(FIGURES)).json()["history"]
    assert len(first["time"]) == len(first["due_LOW"]) == 1
    again = (await visitor.get(FIGURES, params={"after": str(first["time"][0])})).json()["history"]
    assert again["time"] == []


async def test_figures_stand_still_while_the_gateway_is_away_and_go_on_when_it_is_back(visitor, gateway, book):
    await visitor.get(FIGURES)
    await gateway.stop()
    away = await eventually(lambda: _error(visitor))
    assert away["error"]["reason"] == "UNREACHABLE"
    assert away["figures"]["lanes"], "the last figures are still shown"
    page = await visitor.get("/console/notifications")
    assert page.status_code == 503
    assert "UNREACHABLE" in page.text
    back = FakeGateway(book, gateway.port)
    await back.start()
    try:
        await eventually(lambda: _recovered(visitor))
        assert (await visitor.get("/console/notifications")).status_code == 200
    finally:
        await back.stop()


async def _error(visitor):
    told = (await visitor.get(FIGURES)).json()
    return told if told["error"] else None


async def _recovered(visitor):
    return (await visitor.get(FIGURES)).json()["error"] is None


def test_success_counts_what_ended_and_nothing_that_is_under_way_or_withheld():
    counts = [
        StatusCount(Status.DELIVERED, Channel.EMAIL, 6),
        StatusCount(Status.SENT, Channel.EMAIL, 3),
        StatusCount(Status.FAILED, Channel.EMAIL, 1),
        StatusCount(Status.RETRYING, Channel.EMAIL, 5),
        StatusCount(Status.CANCELLED, Channel.EMAIL, 4),
    ]
    email, sms, _push = tallies(counts)
    assert (email.success_rate, email.accepted, email.under_way, email.retrying, email.withheld) == (0.9, 19, 5, 5, 4)
    assert sms.success_rate is None


def test_history_forgets_the_oldest():
    history = History(longest=2)
    start = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    for second in range(3):
        history.add(Sample(start + second, {"HIGH": second}, {}, 0, 0))
    assert history.columns(after=0)["due_HIGH"] == [1, 2]


async def test_providers_are_shown_with_what_is_wrong(visitor):
    page = await visitor.get("/console/providers")
    assert "connection refused" in page.text


async def test_providers_of_a_delivery_service_that_is_away_are_a_clear_error(visit):
    visitor = await visit(DELIVERY_ADDRESS="127.0.0.1:1")
    page = await visitor.get("/console/providers")
    assert page.status_code == 503
    assert "UNAVAILABLE" in page.text
