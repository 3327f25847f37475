"""HIGH does not wait: not for the broker, and after a loss no longer than for the end of a lease."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from proof.waiting import wait_until
from shared.broker import QUEUES
from tests.e2e.notifications import mail_address, new
from tests.e2e.suite import Suite, running


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """With leases that are soon over."""
    settings = {"DELIVERY_LEASE_SECONDS": "3", "DELIVERY_CALL_SECONDS": "1", "DELIVERY_STALL_SECONDS": "1"}
    environment = {f"PULSE_{name}": value for name, value in settings.items()}
    with running(tmp_path_factory.mktemp("urgent") / "home", **environment) as suite:
        yield suite


def send(suite: Suite, **fields: Any) -> str:
    """A code by mail; gives its id."""
    body = {
        "template_name": "login_otp",
        "channel": "EMAIL",
        "user_id": new("user"),
        "to": mail_address(),
        "context": {"code": "424242"},
    }
    answer = suite.rest.post("/v1/notifications", json=body | fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["notification_id"])


def outcomes(suite: Suite, id_: str) -> list[str]:
    """Of its attempts that ended."""
    timeline = suite.rest.get(f"/v1/notifications/{id_}").json()["timeline"]
    return [event["outcome"] for event in timeline if event["kind"] == "ATTEMPT_ENDED"]


@contextlib.contextmanager
def standing(suite: Suite, role: str) -> Iterator[None]:
    """Within the block the role's process neither works nor goes away."""
    pid = suite.roles()[role]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_high_arrives_while_the_broker_stands_still(own: Suite) -> None:
    own.until_arrived(send(own))
    with standing(own, "valkey"):
        ids = [send(own) for _ in range(5)]
        for id_ in ids:
            own.until_arrived(id_)
    assert [outcomes(own, id_) for id_ in ids] == [["SUCCEEDED"]] * 5


def test_what_may_be_sent_but_once_waits_for_the_broker(own: Suite) -> None:
    with standing(own, "worker-high"), redis.Redis.from_url(own.redis_url(1)) as broker:
        id_ = send(own, delivery_guarantee="AT_MOST_ONCE")
        wait_until(lambda: broker.llen(QUEUES["HIGH"]))
        assert own.rest.get(f"/v1/notifications/{id_}").json()["status"] == "QUEUED"
    own.until_arrived(id_)


def test_what_a_worker_took_with_it_is_sent_once_its_lease_is_over(own: Suite) -> None:
    own.until_arrived(send(own))
    address = mail_address()
    fault = {"provider": "smtp", "match": address, "action": "hang", "times": 1}
    assert own.sandbox.put("/api/faults", json=[fault]).is_success
    id_ = send(own, to=address)
    wait_until(lambda: own.sandbox.get("/api/faults").json()[0]["used"])
    os.kill(own.roles()["worker-high"]["pid"], signal.SIGKILL)
    own.until_arrived(id_)
    assert outcomes(own, id_) == ["UNANSWERED", "SUCCEEDED"]


def test_while_no_worker_waits_high_goes_by_celery(own: Suite) -> None:
    with standing(own, "worker-high"), redis.Redis.from_url(own.redis_url(1)) as broker:
        ids: list[str] = []

        def published() -> bool:
            """Those that were claimed before the worker was missed are sent after their leases."""
            ids.append(send(own))
            return bool(broker.llen(QUEUES["HIGH"]))

        wait_until(published)
    for id_ in ids:
        own.until_arrived(id_)
