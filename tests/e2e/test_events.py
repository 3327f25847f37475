"""The feed, from a request to who reads it: by REST, by both clients and by the command."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from contextlib import aclosing, closing
from typing import Any

import pytest
from typer.testing import CliRunner

from pulse_client import AsyncClient, Client, FeedEvent, PulseError
from services.cli.app import build
from tests.e2e.suite import Suite

ARRIVAL = ["notification.accepted", "notification.sent"]


@pytest.fixture
def client(suite: Suite) -> Iterator[Client]:
    with Client(suite.grpc_address) as client:
        yield client


def latest(suite: Suite) -> str:
    """The end of the feed, now."""
    return str(suite.rest.get("/v1/events", params={"after": "latest"}).json()["next_after"])


def send(client: Client) -> str:
    label = {"test": uuid.uuid4().hex}
    user = f"user_{uuid.uuid4().hex[:8]}"
    to = f"{user}@example.com"
    return client.send(
        user_id=user, template="welcome_email", to=to, context={"name": "Ann"}, metadata=label
    ).notification_id


def of(events: list[dict[str, Any]], notification_id: str) -> list[str]:
    return [event["type"] for event in events if event.get("notification_id") == notification_id]


def test_pages_by_rest_go_on_from_one_another(suite: Suite, client: Client) -> None:
    after = latest(suite)
    ids = [send(client) for _ in range(3)]
    for notification_id in ids:
        suite.until_arrived(notification_id)
    found: list[dict[str, Any]] = []
    while not all(of(found, one)[:2] == ARRIVAL for one in ids):
        page = suite.rest.get("/v1/events", params={"after": after, "page_size": 2}).json()
        found += page["events"]
        after = page["next_after"]
    assert len({event["event_id"] for event in found}) == len(found)
    sent = next(event for event in found if event["type"] == "notification.sent")
    assert (sent["data"]["status"], sent["data"]["channel"], sent["data"]["provider"]) == ("SENT", "EMAIL", "smtp")
    assert "to" not in sent["data"]


def test_types_are_chosen_by_rest(suite: Suite, client: Client) -> None:
    after = latest(suite)
    suite.until_arrived(send(client))
    answer = suite.rest.get("/v1/events", params={"after": after, "event_types": "notification.accepted"})
    assert {event["type"] for event in answer.json()["events"]} == {"notification.accepted"}
    refused = suite.rest.get("/v1/events", params={"event_types": "sent"})
    assert (refused.status_code, refused.json()["details"][0]["reason"]) == (400, "UNKNOWN_EVENT_TYPE")


def test_a_client_is_told_what_comes(suite: Suite, client: Client) -> None:
    with closing(client.stream_events(latest(suite))) as events:
        notification_id = send(client)
        told: list[FeedEvent] = []
        while [event.type for event in told] != ARRIVAL:
            event = next(events)
            told += [event] if event.notification_id == notification_id else []
    assert told[0].data["template_name"] == "welcome_email"
    again = [event for event in client.list_events(told[0].position) if event.notification_id == notification_id]
    assert again[0] == told[1]


async def test_a_client_of_asyncio_is_told_what_comes(suite: Suite) -> None:
    async with AsyncClient(suite.grpc_address) as client, asyncio.timeout(30):
        begin = [event async for event in client.list_events("latest")]
        assert begin == []
        async with aclosing(client.stream_events(latest(suite), ["notification.sent"])) as events:
            sent = await client.send(
                user_id="ann", template="welcome_email", to="ann-events@example.com", context={"name": "Ann"}
            )
            async for event in events:
                if event.notification_id == sent.notification_id:
                    break
    assert event.type == "notification.sent"


def test_a_client_says_what_cannot_be(client: Client) -> None:
    with closing(client.stream_events("nonsense")) as events, pytest.raises(PulseError) as refused:
        next(events)
    assert refused.value.reason == "INVALID_POSITION"


def test_a_stream_by_rest_comes_line_by_line(suite: Suite, client: Client) -> None:
    after = latest(suite)
    notification_id = send(client)
    with suite.rest.stream("GET", "/v1/events:stream", params={"after": after}) as answer:
        assert answer.status_code == 200
        told = ""
        for text in answer.iter_text():
            told += text
            if notification_id in told:
                break
    assert "notification.accepted" in told


def test_the_command_lists_events(suite: Suite, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_GATEWAY_ADDRESS", suite.grpc_address)
    after = latest(suite)
    notification_id = send(client)
    suite.until_arrived(notification_id)
    ran = CliRunner().invoke(build(), ["events", "--after", after, "--json", "--type", "notification.accepted"])
    assert ran.exit_code == 0, ran.output
    assert notification_id in [json.loads(line)["notification_id"] for line in ran.stdout.splitlines()]
    plain = CliRunner().invoke(build(), ["events", "--after", after, "--limit", "1"])
    assert len(plain.stdout.splitlines()) == 1
    assert "notification." in plain.stdout
