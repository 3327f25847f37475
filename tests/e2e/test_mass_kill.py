"""kill -9 of every worker and the router at once, in mid-load: everything acknowledged ends."""

from __future__ import annotations

import os
import signal
import uuid
from collections import Counter
from collections.abc import Iterator

import pytest

from proof.waiting import wait_until
from tests.e2e.suite import Suite, running

_BATCHES = 6
_SIZE = 250
_OPEN = ("SCHEDULED", "QUEUED", "SENDING", "RETRYING")
_KILLED = ("router", "worker-high", "worker-low")


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    with running(tmp_path_factory.mktemp("killed") / "home") as suite:
        yield suite


def accepted(suite: Suite, template: str) -> list[str]:
    """The ids of one batch that were acknowledged."""
    run = uuid.uuid4().hex[:8]
    requests = [
        {
            "template_name": template,
            "user_id": f"{run}-{number}",
            "to": f"{run}-{number}@example.com",
            "channel": "EMAIL",
            "context": {"name": "Ann", "code": "123456"},
        }
        for number in range(_SIZE)
    ]
    answer = suite.rest.post("/v1/notifications:batchSend", json={"requests": requests})
    return [result["notification_id"] for result in answer.json().get("results", []) if result["notification_id"]]


def statuses(suite: Suite) -> Counter[str]:
    """How many stand where; none while nobody can tell."""
    answer = suite.rest.get("/v1/operations/statistics")
    counts = answer.json()["counts"] if answer.is_success else []
    return Counter({one["status"]: int(one["count"]) for one in counts})


def test_everything_acknowledged_ends_though_all_who_move_it_are_killed(own: Suite) -> None:
    ids = [id_ for number in range(_BATCHES) for id_ in accepted(own, ("welcome_email", "login_otp")[number % 2])]
    assert len(ids) == _BATCHES * _SIZE
    roles = own.roles()
    for role in _KILLED:
        os.kill(roles[role]["pid"], signal.SIGKILL)
    wait_until(lambda: all(own.roles()[role]["pid"] != roles[role]["pid"] for role in _KILLED), timeout=60)
    wait_until(lambda: (now := statuses(own)) and not any(now[status] for status in _OPEN), timeout=90)
    assert set(statuses(own)) <= {"SENT", "DELIVERED"}
    received = (own.home / "data" / "sandbox" / "receipts.jsonl").read_text()
    assert all(id_ in received for id_ in ids)
