"""The overview's figures come from the API, keep the last minutes, and outlive a gateway that goes away."""

from __future__ import annotations

from datetime import UTC, datetime

from pulse_client.enums import Channel, Status
from services.console.views.history import History, Sample
from services.console.views.statistics import Count
from services.console.views.tally import by_channel, by_provider
from shared.channel import table
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


async def test_what_providers_charge_is_told_by_day_in_its_currency(visitor):
    (cost,) = (await visitor.get(FIGURES)).json()["figures"]["costs"]
    assert cost == {
        "day": "2026-06-01",
        "channel": "SMS",
        "provider": "twilio",
        "cost": "12.3398 USD",
        "count": 1562,
    }


async def test_every_channel_has_its_colour_and_its_row(visitor):
    sheet = await visitor.get("/console/static/channels.css")
    assert (sheet.status_code, sheet.headers["content-type"]) == (200, "text/css; charset=utf-8")
    page = (await visitor.get("/console")).text
    assert "/console/static/channels.css" in page
    for channel in table.Channel:
        assert f".channel.{channel.lower()} {{ color: var(--{channel.lower()}); }}" in sheet.text
        assert f'data-channel="{channel}"' in page


async def test_throughput_is_told_for_each_of_the_last_24_hours(visitor):
    hours = (await visitor.get(FIGURES)).json()["figures"]["hours"]
    assert hours["channels"]["SMS"] == [1] * 23 + [2]
    assert hours["channels"]["EMAIL"] == [0] * 24
    assert hours["start"] == sorted(hours["start"])


async def test_success_is_told_for_each_provider_that_tried_any(visitor):
    (twilio,) = (await visitor.get(FIGURES)).json()["figures"]["providers"]
    assert (twilio["channel"], twilio["provider"], twilio["arrived"], twilio["failed"]) == ("SMS", "twilio", 25, 1)


async def test_a_sample_asks_for_lanes_a_day_and_a_minute_and_nothing_else(visitor, book):
    await visitor.get(FIGURES)
    assert len(book.requests) == 3


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
        Count(Status.DELIVERED, Channel.EMAIL, 6),
        Count(Status.SENT, Channel.EMAIL, 3),
        Count(Status.FAILED, Channel.EMAIL, 1),
        Count(Status.RETRYING, Channel.EMAIL, 5),
        Count(Status.CANCELLED, Channel.EMAIL, 4),
    ]
    email, sms, *_others = by_channel(counts)
    assert (email.success_rate, email.accepted, email.under_way, email.retrying, email.withheld) == (0.9, 19, 5, 5, 4)
    assert sms.success_rate is None


def test_a_provider_has_its_tally_once_it_tried_and_what_no_provider_tried_is_in_none():
    counts = [
        Count(Status.SENT, Channel.SMS, 2, "twilio"),
        Count(Status.FAILED, Channel.SMS, 2, "other"),
        Count(Status.QUEUED, Channel.SMS, 5),
        Count(Status.SENT, Channel.EMAIL, 1, "smtp"),
    ]
    told = [(tally.channel, tally.provider, tally.success_rate) for tally in by_provider(counts)]
    assert told == [("EMAIL", "smtp", 1.0), ("SMS", "other", 0.0), ("SMS", "twilio", 1.0)]


def test_history_forgets_the_oldest():
    history = History(longest=2)
    start = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    for second in range(3):
        history.add(Sample(start + second, {"HIGH": second}, {}, 0, 0))
    assert history.columns(after=0)["due_HIGH"] == [1, 2]
