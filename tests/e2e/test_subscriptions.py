"""Events sent to an endpoint, from a request to a receiver that verifies them, through the whole suite."""

from __future__ import annotations

import dataclasses
import json
import socket
import time
import uuid
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import grpc
import pytest
from standardwebhooks.webhooks import Webhook
from typer.testing import CliRunner

from proof.waiting import wait_until
from pulse_client import Channel, Client, EventDeliveryState, PulseError, SubscriptionFormat, SubscriptionState
from services.cli.app import build
from tests.e2e.suite import Suite, running
from tests.support.http_servers import QuietHandler, serving


class Receiver(QuietHandler):
    """Keeps what it is sent, and answers by the next of its server's statuses, at last 204."""

    def do_POST(self) -> None:
        server: Any = self.server
        server.seen.append((dict(self.headers), self.body()))
        self.send_response(server.statuses.pop(0) if server.statuses else 204)
        self.end_headers()


@pytest.fixture(scope="module")
def sending(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """A suite whose subscriptions may lead to this machine."""
    with running(tmp_path_factory.mktemp("sending") / "home", PULSE_EVENT_NETWORKS="127.0.0.0/8") as suite:
        yield suite


@pytest.fixture
def receiver() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.seen, server.statuses = [], []
    with serving(server):
        yield server


def subscribe(suite: Suite, receiver: Any, **fields: Any) -> dict[str, Any]:
    """One that wants what this test sends alone; with its secret."""
    body = {"url": f"http://127.0.0.1:{receiver.server_port}/hook", **fields}
    answer = suite.rest.post("/v1/subscriptions", json=body)
    assert answer.status_code == 200, answer.text
    return {**answer.json()["subscription"], "secret": answer.json()["secret"]}


def send(suite: Suite, label: str) -> str:
    request = {
        "user_id": f"user_{uuid.uuid4().hex[:8]}",
        "template_name": "welcome_email",
        "to": f"{uuid.uuid4().hex[:8]}@example.com",
        "context": {"name": "Ann"},
        "metadata": {"test": label},
    }
    answer = suite.rest.post("/v1/notifications", json=request)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["notification_id"])


def verified(receiver: Any, secret: str) -> list[dict[str, Any]]:
    return [
        Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})
        for headers, body in list(receiver.seen)
    ]


def test_what_becomes_of_a_notification_reaches_the_subscriber_signed(sending: Suite, receiver: Any) -> None:
    label = uuid.uuid4().hex
    made = subscribe(sending, receiver, metadata={"test": label})
    notification_id = send(sending, label)
    send(sending, "another")
    wait_until(lambda: len(receiver.seen) >= 2)
    told = verified(receiver, made["secret"])
    assert {one["type"] for one in told} >= {"notification.accepted", "notification.sent"}
    assert {one["data"]["notification_id"] for one in told} == {notification_id}
    shown = sending.rest.get(f"/v1/subscriptions/{made['subscription_id']}").json()
    assert "secret" not in str(shown)


def test_what_is_refused_is_tried_again_with_the_same_id_and_its_answers_are_shown(
    sending: Suite, receiver: Any
) -> None:
    label = uuid.uuid4().hex
    receiver.statuses = [503]
    made = subscribe(sending, receiver, metadata={"test": label}, event_types=["notification.accepted"])
    send(sending, label)
    wait_until(lambda: len(receiver.seen) == 2)
    first, second = ({name.lower(): value for name, value in headers.items()} for headers, _ in receiver.seen)
    assert first["webhook-id"] == second["webhook-id"]
    path = f"/v1/subscriptions/{made['subscription_id']}"

    def deliveries() -> list[dict[str, Any]]:
        return sending.rest.get(f"{path}/deliveries").json()["event_deliveries"]

    wait_until(lambda: deliveries()[0]["state"] == "DELIVERED")
    assert [(one["attempt"], one["answer_status"]) for one in deliveries()] == [(2, 204)]
    event_id = deliveries()[0]["event"]["event_id"]
    assert sending.rest.post(f"{path}:redeliver", json={"event_id": event_id}).json()["count"] == 1
    wait_until(lambda: len(receiver.seen) == 3)


def test_a_subscription_is_tested_paused_resumed_rotated_and_deleted(sending: Suite, receiver: Any) -> None:
    label = uuid.uuid4().hex
    made = subscribe(sending, receiver, metadata={"test": label}, event_types=["notification.accepted"])
    path = f"/v1/subscriptions/{made['subscription_id']}"
    assert sending.rest.post(f"{path}:test", json={}).json()["event"]["type"] == "subscription.test"
    wait_until(lambda: len(receiver.seen) == 1)
    assert sending.rest.post(f"{path}:pause", json={}).json()["state"] == "PAUSED"
    assert sending.rest.post(f"{path}:test", json={}).status_code == 400
    notification_id = send(sending, label)
    secret = sending.rest.post(f"{path}:rotateSecret", json={}).json()["secret"]
    assert sending.rest.post(f"{path}:resume", json={}).json()["state"] == "ENABLED"
    wait_until(lambda: len(receiver.seen) == 2)
    assert verified(receiver, made["secret"])[1] == {
        **verified(receiver, made["secret"])[1],
        "type": "notification.accepted",
    }
    headers, body = receiver.seen[1]
    told = Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})
    assert told["data"]["notification_id"] == notification_id
    assert sending.rest.delete(path).status_code == 200
    assert sending.rest.get(path).status_code == 404


def test_gone_disables_it_and_the_feed_says_so(sending: Suite, receiver: Any) -> None:
    label = uuid.uuid4().hex
    receiver.statuses = [410]
    after = sending.rest.get("/v1/events", params={"after": "latest"}).json()["next_after"]
    made = subscribe(sending, receiver, metadata={"test": label}, event_types=["notification.accepted"])
    send(sending, label)
    path = f"/v1/subscriptions/{made['subscription_id']}"
    wait_until(lambda: sending.rest.get(path).json()["state"] == "DISABLED")
    wanted = {"after": after, "event_types": "subscription.disabled"}

    def told() -> list[Any]:
        events = sending.rest.get("/v1/events", params=wanted).json()["events"]
        return [one["data"]["subscription_id"] for one in events]

    wait_until(lambda: told() == [made["subscription_id"]])


def test_one_that_leads_inside_is_refused(suite: Suite, receiver: Any) -> None:
    answer = suite.rest.post("/v1/subscriptions", json={"url": f"http://127.0.0.1:{receiver.server_port}/"})
    assert (answer.status_code, answer.json()["details"][0]["reason"]) == (400, "PRIVATE_ADDRESS")


def test_a_client_and_the_command_keep_subscriptions(
    sending: Suite, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULSE_GATEWAY_ADDRESS", sending.grpc_address)

    def pulse(*words: str) -> Any:
        ran = CliRunner().invoke(build(), ["subscriptions", *words])
        assert ran.exit_code == 0, ran.output
        return ran

    label = uuid.uuid4().hex
    made = json.loads(
        pulse(
            *("create", f"http://127.0.0.1:{receiver.server_port}/", "--label", f"test={label}", "--cloudevents"),
            *("--type", "notification.accepted", "--channel", "email", "--json"),
        ).stdout
    )
    id_ = made["subscription"]["subscription_id"]
    with Client(sending.grpc_address) as client:
        kept = client.get_subscription(id_)
        assert (kept.channels, kept.format, dict(kept.metadata)) == (
            (Channel.EMAIL,),
            SubscriptionFormat.CLOUDEVENTS,
            {"test": label},
        )
        assert id_ in [one.subscription_id for one in client.list_subscriptions()]
        changed = client.update_subscription(dataclasses.replace(kept, description="orders", channels=()))
        assert (changed.description, changed.channels, changed.state) == ("orders", (), SubscriptionState.ENABLED)
        send(sending, label)
        wait_until(lambda: len(receiver.seen) == 1)
        wait_until(lambda: [d.state for d in client.list_event_deliveries(id_)] == [EventDeliveryState.DELIVERED])
        (delivery,) = client.list_event_deliveries(id_, "delivered")
        assert client.redeliver_events(id_, delivery.event.event_id) == 1
        wait_until(lambda: len(receiver.seen) == 2)
        with pytest.raises(PulseError) as refused:
            client.redeliver_events(id_)
        assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert "orders" in pulse("get", id_).stdout
    assert id_ in pulse("list").stdout
    assert "DELIVERED" in pulse("deliveries", id_, "--state", "delivered").stdout
    assert pulse("rotate-secret", id_).stdout.startswith("whsec_")
    assert "PAUSED" in pulse("pause", id_).stdout
    assert "ENABLED" in pulse("resume", id_).stdout
    pulse("redeliver", id_, "--event", delivery.event.event_id)
    pulse("delete", id_)
    assert CliRunner().invoke(build(), ["subscriptions", "get", id_]).exit_code == 1


def test_an_endpoint_that_says_nothing_holds_up_no_other(sending: Suite, receiver: Any) -> None:
    label = uuid.uuid4().hex
    with socket.create_server(("127.0.0.1", 0), backlog=1_000) as silent:
        dead = {"url": f"http://127.0.0.1:{silent.getsockname()[1]}/", "metadata": {"test": label}}
        for _ in range(3):
            assert sending.rest.post("/v1/subscriptions", json=dead).status_code == 200
        subscribe(sending, receiver, metadata={"test": label}, event_types=["notification.sent"])
        ids = {send(sending, label) for _ in range(30)}
        for notification_id in ids:
            sending.until_arrived(notification_id)
        arrived = time.monotonic()
        wait_until(lambda: len(receiver.seen) >= len(ids))
        # A request to the silent ones lasts ten seconds.
        assert time.monotonic() - arrived < 8
