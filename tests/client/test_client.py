"""The client, against a gateway that is really served."""

from __future__ import annotations

import datetime as dt
import functools
import socket

import grpc
import pytest

from pulse.common.v1 import enums_pb2
from pulse_client import (
    Cancelled,
    Channel,
    Client,
    Priority,
    PulseError,
    Request,
    Sent,
    Status,
    Template,
    TemplateContent,
)
from tests.client.fake_gateway import AWAY, LIMITED, FakeGateway

ANN = Request(user_id="u1", template="welcome_email", to="ann@example.org")


def test_a_send_carries_all_that_was_asked(client: Client, gateway: FakeGateway) -> None:
    later = dt.datetime(2030, 1, 2, 3, 4, tzinfo=dt.UTC)
    sent = client.send(
        **ANN,
        context={"name": "Ann", "points": 7, "tags": ["a"]},
        channel="email",
        idempotency_key="order-1",
        priority=Priority.HIGH,
        send_at=later,
        ttl=dt.timedelta(minutes=10),
        locale="de",
        metadata={"campaign": "x"},
        subject="Hello",
        at_most_once=True,
        validate_only=True,
    )
    request = gateway.notifications.requests[0]
    assert sent == Sent(sent.notification_id, Status.QUEUED, replayed=False)
    assert (request.context["name"], request.context["points"], list(request.context["tags"])) == ("Ann", 7, ["a"])
    assert (request.channel, request.priority) == (enums_pb2.EMAIL, enums_pb2.HIGH)
    assert request.delivery_guarantee == enums_pb2.AT_MOST_ONCE
    assert request.send_at.ToDatetime(tzinfo=dt.UTC) == later
    assert (request.ttl.seconds, request.locale, request.subject) == (600, "de", "Hello")
    assert (request.idempotency_key, request.validate_only, request.metadata["campaign"]) == ("order-1", True, "x")
    assert gateway.notifications.metadata["authorization"] == "Bearer secret"


def test_a_send_without_a_key_gets_one_of_its_own(client: Client, gateway: FakeGateway) -> None:
    client.send(**ANN)
    client.send(**ANN)
    first, second = (request.idempotency_key for request in gateway.notifications.requests)
    assert first and second and first != second


def test_the_same_key_tells_of_the_same_notification(client: Client) -> None:
    first = client.send(**ANN, idempotency_key="k")
    assert client.send(**ANN, idempotency_key="k") == Sent(first.notification_id, Status.QUEUED, replayed=True)


def test_an_unavailable_gateway_is_tried_again_with_the_same_key(client: Client, gateway: FakeGateway) -> None:
    gateway.notifications.script.extend([AWAY, AWAY])
    sent = client.send(**ANN)
    assert gateway.notifications.calls == ["SendNotification"] * 3
    assert sent.notification_id in gateway.notifications.stored


def test_trying_again_has_an_end(client: Client, gateway: FakeGateway) -> None:
    gateway.notifications.script.extend([AWAY] * 9)
    with pytest.raises(PulseError) as caught:
        client.send(**ANN)
    assert caught.value.reason == "ROUTER_UNAVAILABLE"
    assert len(gateway.notifications.calls) == 5


def test_making_a_template_version_is_not_tried_again(client: Client, gateway: FakeGateway) -> None:
    gateway.templates.refusal = AWAY
    with pytest.raises(PulseError, match="ROUTER_UNAVAILABLE"):
        client.create_template(Template("t", Channel.SMS, (TemplateContent("hi"),)))


def test_nobody_at_the_address_is_a_pulse_error() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with Client(f"127.0.0.1:{bound.getsockname()[1]}") as client, pytest.raises(PulseError) as caught:
            client.queue_depths()
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.UNAVAILABLE, "UNREACHABLE")


def test_an_error_names_the_fields_at_fault(client: Client) -> None:
    with pytest.raises(PulseError) as caught:
        client.send(user_id="u", template="t", to="nowhere")
    error = caught.value
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
    assert [(violation.field, violation.description) for violation in error.violations] == [
        ("to", "must be a mail address")
    ]


def test_an_error_tells_when_to_come_back(client: Client, gateway: FakeGateway) -> None:
    gateway.notifications.limited["ann@example.org"] = 1
    with pytest.raises(PulseError) as caught:
        client.send(**ANN)
    assert (caught.value.reason, caught.value.retry_after) == ("RATE_LIMITED", 7.0)


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"channel": "pigeon"}, ValueError),
        ({"priority": "urgent"}, ValueError),
        ({"send_at": dt.datetime(2030, 1, 1)}, ValueError),
        ({"send_at": dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))}, ValueError),
        ({"expires_at": dt.datetime.max.replace(tzinfo=dt.timezone(-dt.timedelta(hours=1)))}, ValueError),
        ({"context": {"when": dt.datetime(2030, 1, 1)}}, ValueError),
        ({"context": {"name": "\ud83d"}}, ValueError),
        ({"context": {"number": 10**400}}, ValueError),
        ({"context": functools.reduce(lambda inner, _: {"a": inner}, range(60), {})}, ValueError),
        ({"usr": "u"}, TypeError),
    ],
)
def test_what_cannot_be_a_request_is_refused_before_any_call(client: Client, wrong: dict, kind: type) -> None:
    with pytest.raises(kind):
        client.send(**ANN, **wrong)


def test_many_keep_their_order_and_each_its_own_result(client: Client, gateway: FakeGateway) -> None:
    gateway.notifications.limited["limited@example.org"] = 1
    addresses = ["a@example.org", "nowhere", "limited@example.org", "b@example.org"]
    results = list(client.send_many((Request(user_id="u", template="t", to=to) for to in addresses), chunk=3))
    assert [getattr(result, "reason", "sent") for result in results] == [
        "sent",
        "INVALID_FIELDS",
        LIMITED.reason,
        "sent",
    ]
    assert gateway.notifications.calls == ["BatchSendNotifications"] * 2


def test_a_batch_that_fails_whole_gives_its_error_to_each_and_the_next_goes_on(
    client: Client, gateway: FakeGateway
) -> None:
    gateway.notifications.script.append(LIMITED)
    results = list(client.send_many([ANN] * 4, chunk=2))
    assert [isinstance(result, Sent) for result in results] == [False, False, True, True]


def test_batches_stay_below_what_a_gateway_takes_in_one_message(client: Client, gateway: FakeGateway) -> None:
    big = Request(**ANN, context={"text": "x" * 60_000})
    assert len(list(client.send_many([big] * 150))) == 150
    assert len(gateway.notifications.calls) == 3


def test_get_tells_the_timeline(client: Client, gateway: FakeGateway) -> None:
    sent = client.send(**ANN, metadata={"a": "b"})
    gateway.notifications.happen(sent.notification_id, enums_pb2.SENDING, enums_pb2.SENT)
    notification = client.get(sent.notification_id)
    assert (notification.status, notification.channel, notification.metadata) == (Status.SENT, "EMAIL", {"a": "b"})
    assert [event.kind for event in notification.timeline] == ["ACCEPTED", "ATTEMPT_STARTED", "ATTEMPT_ENDED"]
    assert notification.timeline[0].decisions[0].rule == "lane"
    assert notification.create_time and notification.create_time.tzinfo and notification.sent_time is None


def test_list_goes_through_all_pages(client: Client) -> None:
    for number in range(5):
        client.send(user_id="u1" if number else "other", template="t", to=f"{number}@example.org")
    assert [n.to[0] for n in client.list(user_id="u1", page_size=2)] == ["4", "3", "2", "1"]
    assert list(client.list(status="failed")) == []


def test_an_unknown_filter_is_refused(client: Client) -> None:
    with pytest.raises(TypeError, match="colour"):
        client.list(colour="red")


def test_a_watch_goes_on_where_its_stream_broke(client: Client, gateway: FakeGateway) -> None:
    sent = client.send(**ANN)
    gateway.notifications.happen(sent.notification_id, enums_pb2.SENDING, enums_pb2.SENT)
    gateway.notifications.breaks.extend([1, 0, 1])
    assert [event.sequence for event in client.watch(sent.notification_id)] == [1, 2, 3]
    assert gateway.notifications.watched_after == [0, 1, 1, 2]


def test_a_watch_of_nothing_says_so(client: Client) -> None:
    with pytest.raises(PulseError, match="NOTIFICATION_NOT_FOUND"):
        next(client.watch("nothing"))


def test_a_watch_has_an_end_when_asked(client: Client) -> None:
    sent = client.send(**ANN)
    with pytest.raises(PulseError) as caught:
        list(client.watch(sent.notification_id, timeout=0.2))
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


def test_wait_ends_when_a_provider_took_it_over(client: Client, gateway: FakeGateway) -> None:
    sent = client.send(**ANN)
    gateway.notifications.happen(sent.notification_id, enums_pb2.SENT)
    assert client.wait(sent.notification_id, timeout=5).status is Status.SENT


def test_all_that_match_are_taken_back_or_counted(client: Client, gateway: FakeGateway) -> None:
    assert client.cancel_many(template="news", channel="email", metadata={"campaign": "7"}) == Cancelled(7, 5)
    wanted = gateway.notifications.requests[-1].filter
    assert (wanted.template_name, wanted.channel, dict(wanted.metadata)) == ("news", 1, {"campaign": "7"})
    assert client.cancel_many(dry_run=True, idempotency_key="k") == Cancelled(7, 0)
    with pytest.raises(TypeError, match="no filter colour"):
        client.cancel_many(colour="red")  # type: ignore[call-arg]


def test_cancel_takes_back_and_says_when_it_is_too_late(client: Client, gateway: FakeGateway) -> None:
    sent = client.send(**ANN)
    assert client.cancel(sent.notification_id).status is Status.CANCELLED
    late = client.send(**ANN)
    gateway.notifications.happen(late.notification_id, enums_pb2.SENT)
    with pytest.raises(PulseError, match="TOO_LATE"):
        client.cancel(late.notification_id)


def test_templates_are_made_changed_shown_and_deleted(client: Client) -> None:
    made = client.create_template(Template("hi", Channel.SMS, (TemplateContent("Hi {{ name }}"),), Priority.HIGH))
    assert (made.version, made.channel, made.priority) == (1, Channel.SMS, Priority.HIGH)
    assert client.update_template(Template("hi", Channel.SMS, (TemplateContent("Hey {{ name }}"),))).version == 2
    assert client.get_template("hi").contents[0].body == "Hey {{ name }}"
    assert client.preview_template("hi", {"name": "Ann"}).body == "Hey Ann"
    assert client.preview_template("hi", {"name": "Ann"}, draft=[TemplateContent("Yo {{ name }}")]).body == "Yo Ann"
    assert [template.name for template in client.list_templates(channel="sms")] == ["hi"]
    assert list(client.list_templates(channel=Channel.PUSH)) == []
    client.delete_template("hi")
    with pytest.raises(PulseError, match="TEMPLATE_NOT_FOUND"):
        client.get_template("hi")


def test_operations_tell_depths_and_counts(client: Client) -> None:
    (depth,) = client.queue_depths()
    assert (depth.lane, depth.due, depth.oldest_due_age) == (Priority.HIGH, 3, dt.timedelta(seconds=90))
    statistics = client.statistics(dt.timedelta(hours=1))
    assert (statistics.counts[0].status, statistics.counts[0].count) == (Status.SENT, 41)


def test_a_value_newer_than_the_client_is_unspecified(client: Client, gateway: FakeGateway) -> None:
    sent = client.send(**ANN)
    gateway.notifications.stored[sent.notification_id].status = 99  # type: ignore[assignment]
    assert client.get(sent.notification_id).status is Status.UNSPECIFIED


def test_a_watch_outlives_a_restart_of_the_gateway(client: Client, gateway: FakeGateway) -> None:
    sent = client.send(**ANN)
    events = client.watch(sent.notification_id)
    assert next(events).sequence == 1
    gateway.stop()
    again = FakeGateway(port=int(gateway.address.rpartition(":")[2]))
    again.notifications.stored = gateway.notifications.stored
    again.notifications.happen(sent.notification_id, enums_pb2.SENDING, enums_pb2.DELIVERED)
    again.start()
    assert [event.sequence for event in events] == [2, 3]
    again.stop()
