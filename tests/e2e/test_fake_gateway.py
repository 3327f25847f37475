"""What the fake gateway answers is what the real one answers: the same assertions hold for both."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from pulse.gateway.v1 import notification_service_pb2 as pb
from pulse.gateway.v1 import notification_service_pb2_grpc
from pulse_client import AsyncClient, Channel, Client, PulseError, Request, Status
from pulse_client.testing import FakeGateway
from tests.e2e.suite import Suite

TEMPLATE = "welcome_email"


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeGateway]:
    with FakeGateway(templates=[TEMPLATE]) as served:
        yield served


@pytest.fixture(params=["fake", "real"])
def address(request: pytest.FixtureRequest) -> str:
    """Of the fake gateway, and of a real one."""
    if request.param == "fake":
        return str(request.getfixturevalue("fake").address)
    suite: Suite = request.getfixturevalue("suite")
    return suite.grpc_address


@pytest.fixture
def pulse(address: str) -> Iterator[Client]:
    with Client(address) as client:
        yield client


def asked(**fields: Any) -> Request:
    """A request that can be accepted, to a user of its own."""
    usual = {"user_id": f"user_{uuid.uuid4().hex}", "template": TEMPLATE, "to": "ann@example.com"}
    return Request(**{**usual, "context": {"name": "Ann"}, **fields})  # type: ignore[typeddict-item]


def refused(call: Callable[[], Any]) -> tuple[grpc.StatusCode, str, list[str]]:
    """Code, reason and fields of the refusal."""
    with pytest.raises(PulseError) as caught:
        call()
    return caught.value.code, caught.value.reason, [violation.field for violation in caught.value.violations]


def test_a_notification_is_accepted_and_told(pulse: Client) -> None:
    request = asked(metadata={"order": "7"}, idempotency_key=uuid.uuid4().hex, locale="de")
    sent = pulse.send(**request)
    assert (sent.status, sent.replayed) == (Status.QUEUED, False)
    assert uuid.UUID(sent.notification_id).version == 7
    told = pulse.get(sent.notification_id.upper())
    assert told.notification_id == sent.notification_id
    assert (told.user_id, told.template_name, told.to, told.channel) == (
        request["user_id"],
        TEMPLATE,
        "ann@example.com",
        Channel.EMAIL,
    )
    assert (told.metadata, told.idempotency_key, told.locale) == (
        {"order": "7"},
        request["idempotency_key"],
        "de",
    )
    assert (told.delivery_guarantee, told.priority) == ("AT_LEAST_ONCE", "LOW")
    first = told.timeline[0]
    assert (first.sequence, first.kind, first.status) == (1, "ACCEPTED", "QUEUED")
    assert told.create_time is not None
    assert abs((dt.datetime.now(dt.UTC) - told.create_time).total_seconds()) < 60


#: What may differ from the first request under a key, and whether it is another request then.
VARIATIONS: list[tuple[str, dict[str, Any], bool]] = [
    ("the same", {}, False),
    ("the context in another order", {"context": {"b": 2, "name": "Ann"}}, False),
    ("a whole number as a float", {"context": {"name": "Ann", "b": 2.0}}, False),
    ("only checked", {"validate_only": True}, False),
    ("another context", {"context": {"name": "Bob", "b": 2}}, True),
    ("another address", {"to": "bob@example.com"}, True),
    ("another user", {"user_id": "somebody else"}, True),
    ("the channel said", {"channel": "EMAIL"}, True),
    ("a priority", {"priority": "HIGH"}, True),
    ("a locale", {"locale": "de"}, True),
    ("labels", {"metadata": {"a": "b"}}, True),
    ("a subject", {"subject": "Other"}, True),
    ("at most once", {"at_most_once": True}, True),
    ("a time to live", {"ttl": dt.timedelta(hours=1)}, True),
]


@pytest.mark.parametrize(("fields", "is_another"), [row[1:] for row in VARIATIONS], ids=[row[0] for row in VARIATIONS])
def test_a_key_makes_one_notification(pulse: Client, fields: dict[str, Any], is_another: bool) -> None:
    first = asked(context={"name": "Ann", "b": 2}, idempotency_key=uuid.uuid4().hex)
    sent = pulse.send(**first)
    again: Request = {**first, **fields}  # type: ignore[typeddict-item]
    if is_another:
        assert refused(lambda: pulse.send(**again)) == (
            grpc.StatusCode.ALREADY_EXISTS,
            "IDEMPOTENCY_KEY_REUSED",
            [],
        )
    elif not fields.get("validate_only"):
        replayed = pulse.send(**again)
        assert (replayed.notification_id, replayed.replayed) == (sent.notification_id, True)


def test_the_key_may_be_a_header(address: str) -> None:
    stub = notification_service_pb2_grpc.NotificationServiceStub
    with grpc.insecure_channel(address) as channel:
        send = stub(channel).SendNotification
        request = pb.SendNotificationRequest(user_id=uuid.uuid4().hex, template_name=TEMPLATE, to="ann@example.com")
        request.context.update({"name": "Ann"})
        header = (("idempotency-key", uuid.uuid4().hex),)
        ids = {send(request, metadata=header).notification_id for _ in range(2)}
        without = {send(request).notification_id for _ in range(2)}
    assert (len(ids), len(without)) == (1, 2)


def test_what_is_only_checked_is_not_stored(pulse: Client) -> None:
    request = asked(validate_only=True)
    sent = pulse.send(**request)
    assert (sent.notification_id, sent.status) == ("", Status.QUEUED)
    assert list(pulse.list(user_id=request["user_id"])) == []


def test_a_time_to_come_is_waited_for(pulse: Client) -> None:
    at = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    sent = pulse.send(**asked(send_at=at))
    assert sent.status is Status.SCHEDULED
    assert pulse.get(sent.notification_id).send_at == at


REFUSALS: list[tuple[str, dict[str, Any], grpc.StatusCode, str]] = [
    ("no user", {"user_id": ""}, grpc.StatusCode.INVALID_ARGUMENT, "user_id"),
    ("no template", {"template": ""}, grpc.StatusCode.INVALID_ARGUMENT, "template_name"),
    ("no address", {"to": "", "channel": "EMAIL"}, grpc.StatusCode.INVALID_ARGUMENT, "to"),
    ("no such template", {"template": "nothing"}, grpc.StatusCode.NOT_FOUND, ""),
]


@pytest.mark.parametrize(("fields", "code", "field"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_a_request_is_refused_alone_and_in_a_batch(
    pulse: Client, fields: dict[str, Any], code: grpc.StatusCode, field: str
) -> None:
    alone = refused(lambda: pulse.send(**asked(**fields)))
    assert (alone[0], alone[2]) == (code, [field] if field else [])
    assert alone[1] == {"": "TEMPLATE_NOT_FOUND"}.get(field, alone[1])
    good, bad, last = pulse.send_many([asked(), asked(**fields), asked()])
    assert isinstance(bad, PulseError)
    assert (bad.code, bad.reason, [one.field for one in bad.violations]) == alone
    assert not isinstance(good, PulseError)
    assert not isinstance(last, PulseError)


@pytest.mark.parametrize("count", [0, 1_001])
def test_a_batch_has_its_bounds(address: str, count: int) -> None:
    batch = pb.BatchSendNotificationsRequest(requests=[pb.SendNotificationRequest()] * count)
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as caught:
        notification_service_pb2_grpc.NotificationServiceStub(channel).BatchSendNotifications(batch)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("method", ["get", "cancel", "acknowledge"])
def test_what_is_not_there_is_told_apart_from_what_is_no_id(pulse: Client, method: str) -> None:
    call = getattr(pulse, method)
    unknown = (grpc.StatusCode.NOT_FOUND, "NOTIFICATION_NOT_FOUND", [])
    assert refused(lambda: call(str(uuid.uuid4()))) == unknown
    assert refused(lambda: call("7")) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS", ["notification_id"])


def test_lists_are_filtered_and_paged_newest_first(pulse: Client) -> None:
    user = f"user_{uuid.uuid4().hex}"
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    ids = [pulse.send(**asked(user_id=user, send_at=later)).notification_id for _ in range(3)]
    assert [one.notification_id for one in pulse.list(user_id=user, page_size=2)] == ids[::-1]
    assert [one.timeline for one in pulse.list(user_id=user)] == [()] * 3
    assert len(list(pulse.list(user_id=user, status="SCHEDULED", channel="EMAIL", template=TEMPLATE))) == 3
    for other in ({"status": "SENT"}, {"channel": "SMS"}, {"template": "other"}, {"created_after": later}):
        assert list(pulse.list(user_id=user, **other)) == []  # type: ignore[arg-type]


def test_what_waits_is_cancelled_once(pulse: Client) -> None:
    sent = pulse.send(**asked(send_at=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)))
    for _ in range(2):
        assert pulse.cancel(sent.notification_id).status is Status.CANCELLED
    timeline = pulse.get(sent.notification_id).timeline
    assert [(event.sequence, event.kind) for event in timeline] == [(1, "ACCEPTED"), (2, "CANCELLED")]
    assert [event.sequence for event in pulse.watch(sent.notification_id)] == [1, 2]
    assert [event.sequence for event in pulse.watch(sent.notification_id, after_sequence=1)] == [2]
    code, reason, _ = refused(lambda: pulse.acknowledge(sent.notification_id))
    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NOT_SENT")


async def test_asyncio_is_answered_alike(address: str) -> None:
    async with AsyncClient(address) as pulse:
        request = asked(idempotency_key=uuid.uuid4().hex)
        first, again = await pulse.send(**request), await pulse.send(**request)
        assert (again.notification_id, again.replayed) == (first.notification_id, True)
        assert [one.notification_id async for one in pulse.list(user_id=request["user_id"])] == [first.notification_id]


async def test_what_a_client_gathers_is_answered_as_it_would_be_alone(address: str) -> None:
    async def answer(pulse: AsyncClient, request: Request) -> tuple[Any, ...]:
        try:
            sent = await pulse.send(**request)
        except PulseError as error:
            return error.reason, error.code, error.message, error.hint, error.violations, error.retry_after
        return "replayed" if sent.replayed else "", bool(sent.notification_id)

    def requests() -> list[Request]:
        key = uuid.uuid4().hex
        keyed = [asked(user_id=user, idempotency_key=key) for user in ("ann", "ann", "bob")]
        refused = [asked(template="nothing"), asked(to="", channel="EMAIL")]
        return [*keyed, *refused, asked(validate_only=True), asked(traceparent=f"00-{key}-00f067aa0ba902b7-01")]

    async with AsyncClient(address) as pulse:
        together = await asyncio.gather(*(answer(pulse, request) for request in requests()))
        assert together == [await answer(pulse, request) for request in requests()]
    reasons = ["", "replayed", "IDEMPOTENCY_KEY_REUSED", "TEMPLATE_NOT_FOUND", "INVALID_FIELDS", "", ""]
    assert [one[0] for one in together] == reasons
    assert together[5] == ("", False)


def test_a_watch_follows_to_the_end(pulse: Client, address: str, fake: FakeGateway) -> None:
    sent = pulse.send(**asked())
    if address == fake.address:  # a real one goes on by itself
        threading.Thread(target=fake.advance, args=(sent.notification_id, "SENDING", "SENT")).start()
    told = pulse.wait(sent.notification_id, timeout=30)
    assert told.status is Status.SENT
    assert told.sent_time is not None
    kinds = [(event.kind, event.status, event.attempt) for event in told.timeline]
    assert kinds == [("ACCEPTED", "QUEUED", 0), ("ATTEMPT_STARTED", "SENDING", 1), ("ATTEMPT_ENDED", "SENT", 1)]
    code, reason, _ = refused(lambda: pulse.cancel(sent.notification_id))
    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NOT_CANCELLABLE")
    assert pulse.acknowledge(sent.notification_id).status is Status.DELIVERED
    assert pulse.acknowledge(sent.notification_id).status is Status.DELIVERED
