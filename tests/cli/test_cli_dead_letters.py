"""``pulse dead-letters``, against a gateway that keeps a graveyard."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import Result

from pulse.common.v1 import enums_pb2, notification_pb2
from pulse.gateway.v1 import operations_service_pb2 as api
from shared.errors import Code, PulseError
from tests.client import fake_gateway

Pulse = Callable[..., Result]
IDS = [f"01890000-0000-7000-8000-00000000000{number}" for number in range(3)]


class Graveyard:
    """Answers for the dead letters of the gateway the test has."""

    def __init__(self) -> None:
        self.lists: list[api.ListDeadLettersRequest] = []
        self.replays: list[Any] = []
        self.left = 0

    def list(self, _: Any, request: Any, context: Any) -> api.ListDeadLettersResponse:
        self.lists.append(request)
        first = int(request.page_token or 0)
        letters = [
            notification_pb2.Notification(
                notification_id=each, status="FAILED", channel="SMS", provider="twilio", failure={"code": "30003"}
            )
            for each in IDS[first : first + 2]
        ]
        return api.ListDeadLettersResponse(dead_letters=letters, next_page_token="2" if first == 0 else "")

    def replay(self, _: Any, request: Any, context: Any) -> notification_pb2.Notification:
        self.replays.append(request)
        if request.notification_id not in IDS:
            fake_gateway._abort(context, PulseError(Code.FAILED_PRECONDITION, "NOT_REPLAYABLE", "it is SENT"))
        return notification_pb2.Notification(notification_id=request.notification_id, status="QUEUED")

    def replay_many(self, _: Any, request: Any, context: Any) -> api.ReplayDeadLettersResponse:
        self.replays.append(request)
        if request.dry_run:
            return api.ReplayDeadLettersResponse(matched=301)
        return api.ReplayDeadLettersResponse(
            matched=301, replayed=301 - self.left, last_due_time={"seconds": 1_800_000_000}
        )


@pytest.fixture
def graveyard(monkeypatch: pytest.MonkeyPatch) -> Graveyard:
    """Dug before the gateway is served."""
    graveyard = Graveyard()
    for method, answer in {
        "ListDeadLetters": graveyard.list,
        "ReplayDeadLetter": graveyard.replay,
        "ReplayDeadLetters": graveyard.replay_many,
    }.items():
        monkeypatch.setattr(
            fake_gateway.Operations, method, lambda own, request, context, answer=answer: answer(own, request, context)
        )
    return graveyard


def test_the_list_says_what_each_died_of(graveyard: Graveyard, pulse: Pulse) -> None:
    ran = pulse("dead-letters", "list", "--channel", "sms", "--provider", "twilio", "--code", "30003", "--since", "2h")
    assert ran.exit_code == 0, ran.stderr
    assert all(each in ran.stdout for each in (*IDS, "30003", "twilio", "FAILED"))
    wanted = graveyard.lists[0].filter
    assert (wanted.channel, wanted.provider, wanted.failure_code) == (2, "twilio", "30003")
    assert wanted.HasField("died_after") and not wanted.HasField("died_before")


def test_the_list_ends_where_it_is_told_to(graveyard: Graveyard, pulse: Pulse) -> None:
    found = json.loads(pulse("dead-letters", "list", "--limit", "1", "--json").stdout)
    assert [one["notification_id"] for one in found] == IDS[:1]
    assert [(one.page_size, one.page_token) for one in graveyard.lists] == [(1, "")]


def test_one_is_shown_with_its_timeline(graveyard: Graveyard, pulse: Pulse) -> None:
    sent = json.loads(pulse("send", "hi", "--user", "u", "--to", "a@b.co", "--json").stdout)
    assert sent["notification_id"] in pulse("dead-letters", "show", sent["notification_id"]).stdout


def test_some_are_replayed_by_name(graveyard: Graveyard, pulse: Pulse) -> None:
    ran = pulse("dead-letters", "replay", *IDS[:2])
    assert (ran.exit_code, ran.stderr.split()) == (0, [IDS[0], "QUEUED", IDS[1], "QUEUED"])
    refused = pulse("dead-letters", "replay", "01890000-0000-7000-8000-000000000009")
    assert refused.exit_code == 1 and "NOT_REPLAYABLE: it is SENT" in refused.stderr


def test_they_are_replayed_with_the_newest_template(graveyard: Graveyard, pulse: Pulse) -> None:
    for ids in (IDS[:2], ["--all"]):
        pulse("dead-letters", "replay", *ids, "--newest-template")
    pulse("dead-letters", "replay", IDS[0])
    newest = enums_pb2.NEWEST
    assert [request.template for request in graveyard.replays] == [newest, newest, newest, 0]


def test_all_that_match_are_replayed_at_a_rate(graveyard: Graveyard, pulse: Pulse) -> None:
    ran = pulse("dead-letters", "replay", "--all", "--code", "30003", "--until", "2026-12-01T09:00Z", "--rate", "50")
    assert ran.exit_code == 0 and "301 of 301 are on their way, the last of them at 2027" in ran.stderr
    assert "again" not in ran.stderr
    [request] = graveyard.replays
    assert (request.filter.failure_code, request.rate_per_second, request.dry_run) == ("30003", 50, False)
    assert request.filter.died_before.ToJsonString() == "2026-12-01T09:00:00Z"


def test_what_one_call_could_not_do_is_said(graveyard: Graveyard, pulse: Pulse) -> None:
    graveyard.left = 1
    ran = pulse("dead-letters", "replay", "--all")
    assert "300 of 301" in ran.stderr and "again" in ran.stderr
    answer = json.loads(pulse("dead-letters", "replay", "--all", "--json").stdout)
    assert answer == {"matched": 301, "replayed": 300, "last_due_time": "2027-01-15T08:00:00Z"}


def test_a_dry_run_only_counts(graveyard: Graveyard, pulse: Pulse) -> None:
    ran = pulse("dead-letters", "replay", "--all", "--dry-run")
    assert "301 would be replayed, in 3.01 s" in ran.stderr
    assert graveyard.replays[0].dry_run


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "give ids, or --all"),
        ((IDS[0], "--all"), "give ids, or --all"),
        ((IDS[0], "--code", "30003"), "go with --all"),
        ((IDS[0], "--dry-run"), "go with --all"),
        (("--all", "--rate", "0"), "--rate"),
        (("--all", "--since", "yesterday"), "no length of time"),
        (("--all", "--since", "2026-12-01T09:00"), "time zone"),
        (("--all", "--since", "800000d"), "too long"),
        (("--all", "--since", "0001-01-01T00:00+01:00"), "lies outside"),
        (("--all", "--channel", "fax"), "'fax'"),
    ],
)
def test_what_cannot_be_meant_is_refused(graveyard: Graveyard, pulse: Pulse, arguments: tuple, told: str) -> None:
    ran = pulse("dead-letters", "replay", *arguments)
    assert ran.exit_code == 2 and told in ran.stderr
    assert not graveyard.replays
