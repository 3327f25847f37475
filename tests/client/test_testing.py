"""The fake gateway that is shipped for users' own tests: what it lets them script and see.

That it answers as a real one does is held by tests/e2e/test_fake_gateway.py.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

import pulse_client
from pulse_client import AsyncClient, Channel, Client, Fallback, Priority, PulseError, Request, Status, Violation
from pulse_client.testing import REASONS, FakeGateway

README = Path(__file__).resolve().parents[2] / "clients" / "python" / "README.md"


@pytest.fixture
def fake() -> Iterator[FakeGateway]:
    with FakeGateway() as gateway:
        yield gateway


@pytest.fixture
def pulse(fake: FakeGateway) -> Iterator[Client]:
    with Client(fake.address) as client:
        yield client


def asked(**fields: Any) -> Request:
    usual = {"user_id": "u1", "template": "welcome", "to": "ann@example.org", "context": {"name": "Ann"}}
    return Request(**{**usual, **fields})  # type: ignore[typeddict-item]


def reason(pulse: Client, **fields: Any) -> str:
    """Why a send is refused; empty: it is not."""
    try:
        pulse.send(**asked(**fields))
    except PulseError as error:
        return error.reason
    return ""


def test_every_request_is_recorded_as_it_was_made(fake: FakeGateway, pulse: Client) -> None:
    context = {"name": "Ann", "count": 3, "price": 1.5, "tags": ["a", 1], "deep": {"yes": True, "none": None}}
    sent = pulse.send(
        **asked(
            context=context,
            channel="EMAIL",
            priority="HIGH",
            metadata={"order": "7"},
            idempotency_key="k",
            fallbacks=[Fallback("SMS", "+15551234567")],
        )
    )
    (one,) = fake.requests
    assert (one.user_id, one.template, one.to, one.context) == ("u1", "welcome", "ann@example.org", context)
    assert (one.channel, one.priority, one.metadata) == (Channel.EMAIL, Priority.HIGH, {"order": "7"})
    assert (one.idempotency_key, one.notification_id, one.reason) == ("k", sent.notification_id, "")
    assert one.message.fallbacks[0].to == "+15551234567"


def test_requests_of_a_batch_repetitions_and_refused_ones_are_recorded_too(fake: FakeGateway, pulse: Client) -> None:
    fake.refuse("RATE_LIMITED", to="bob@example.org")
    batch = [asked(idempotency_key="k"), asked(to="bob@example.org"), asked(idempotency_key="k")]
    first, refused, again = pulse.send_many(batch)
    assert isinstance(refused, PulseError)
    assert not isinstance(first, PulseError)
    assert not isinstance(again, PulseError)
    assert [one.reason for one in fake.requests] == ["", "RATE_LIMITED", ""]
    assert [one.notification_id for one in fake.requests] == [first.notification_id, "", first.notification_id]
    assert [one.notification_id for one in fake.notifications] == [first.notification_id]


@pytest.mark.parametrize("name", [name for name, code in REASONS.items() if code is not grpc.StatusCode.UNAVAILABLE])
def test_a_refusal_comes_once_with_its_code(fake: FakeGateway, pulse: Client, name: str) -> None:
    fake.refuse(name)
    with pytest.raises(PulseError) as caught:
        pulse.send(**asked())
    assert (caught.value.reason, caught.value.code) == (name, REASONS[name])
    assert reason(pulse) == ""


def test_a_refusal_says_all_that_it_is_given(fake: FakeGateway, pulse: Client) -> None:
    fake.refuse(
        "NO_SUCH_COUNTRY",
        code=grpc.StatusCode.INVALID_ARGUMENT,
        message="there is no such country",
        hint="see the list",
        violations=[Violation("to", "begins with no country's number")],
        retry_after=2.5,
    )
    with pytest.raises(PulseError) as caught:
        pulse.send(**asked())
    error = caught.value
    assert (error.message, error.hint, error.retry_after) == ("there is no such country", "see the list", 2.5)
    assert error.violations == (Violation("to", "begins with no country's number"),)


def test_a_refusal_may_be_meant_for_some(fake: FakeGateway, pulse: Client) -> None:
    fake.refuse("RATE_LIMITED", user_id="u2", template="welcome", times=2)
    told = [reason(pulse, user_id=user) for user in ("u1", "u2", "u3", "u2", "u2")]
    assert told == ["", "RATE_LIMITED", "", "RATE_LIMITED", ""]
    assert reason(pulse, user_id="u2", template="other") == ""


def test_what_is_unavailable_once_is_tried_again_by_the_client_under_the_same_key(
    fake: FakeGateway, pulse: Client
) -> None:
    fake.refuse("ROUTER_UNAVAILABLE")
    assert reason(pulse) == ""
    first, second = fake.requests
    assert first.idempotency_key == second.idempotency_key
    assert (first.reason, second.reason) == ("ROUTER_UNAVAILABLE", "")


def test_any_method_can_be_refused(fake: FakeGateway, pulse: Client) -> None:
    sent = pulse.send(**asked())
    fake.refuse("SCOPE_MISSING", method="GetNotification")
    with pytest.raises(PulseError) as caught:
        pulse.get(sent.notification_id)
    assert caught.value.code is grpc.StatusCode.PERMISSION_DENIED
    assert pulse.get(sent.notification_id).status is Status.QUEUED


@pytest.mark.parametrize("name", ["TYPO", "", "rate_limited"])
def test_a_reason_of_no_known_code_needs_one(fake: FakeGateway, name: str) -> None:
    with pytest.raises(ValueError, match="give its code"):
        fake.refuse(name)


def test_a_key_is_asked_for_if_there_is_one() -> None:
    with FakeGateway(api_key="sesame") as fake:
        for given, told in (("", "API_KEY_MISSING"), ("wrong", "API_KEY_UNKNOWN"), ("sesame", "")):
            with Client(fake.address, api_key=given) as pulse:
                assert reason(pulse) == told
        assert len(fake.requests) == 1


def test_only_the_templates_that_are_named_are_there() -> None:
    with FakeGateway(templates=["welcome"]) as fake, Client(fake.address) as pulse:
        assert (reason(pulse), reason(pulse, template="other")) == ("", "TEMPLATE_NOT_FOUND")


@pytest.mark.parametrize(
    ("statuses", "kinds"),
    [
        (["SENDING", "SENT", "DELIVERED"], ["ATTEMPT_STARTED", "ATTEMPT_ENDED", "RECEIPT"]),
        (["SENDING", "RETRYING", "SENDING", "FAILED"], ["ATTEMPT_STARTED", "ATTEMPT_ENDED"] * 2),
        (["SENDING", "UNKNOWN"], ["ATTEMPT_STARTED", "ATTEMPT_ENDED"]),
        (["EXPIRED"], ["EXPIRED"]),
        (["SUPPRESSED"], ["SUPPRESSED"]),
    ],
)
def test_a_test_says_what_happens(fake: FakeGateway, pulse: Client, statuses: list[str], kinds: list[str]) -> None:
    sent = pulse.send(**asked())
    told = fake.advance(sent.notification_id, *statuses)
    assert told == pulse.get(sent.notification_id)
    assert [event.status for event in told.timeline[1:]] == statuses
    assert [event.kind for event in told.timeline[1:]] == kinds
    assert told.attempt_count == statuses.count("SENDING")


def test_a_watch_is_told_as_it_happens(fake: FakeGateway, pulse: Client) -> None:
    sent = pulse.send(**asked())
    events = pulse.watch(sent.notification_id, timeout=20)
    assert next(events).status is Status.QUEUED
    fake.advance(sent.notification_id, Status.SENDING)
    assert next(events).status is Status.SENDING
    fake.advance(sent.notification_id, Status.SENT)
    assert [event.status for event in events] == [Status.SENT]


def test_what_is_no_notification_or_no_status_is_the_tests_mistake(fake: FakeGateway, pulse: Client) -> None:
    sent = pulse.send(**asked())
    with pytest.raises(KeyError):
        fake.advance("7", "SENT")
    with pytest.raises(ValueError, match="there are SCHEDULED"):
        fake.advance(sent.notification_id, "SNET")
    assert fake.notifications[0].status is Status.QUEUED


def test_many_threads_send_under_one_key(fake: FakeGateway, pulse: Client) -> None:
    ids: list[str] = []
    threads = [
        threading.Thread(target=lambda: ids.append(pulse.send(**asked(idempotency_key="k")).notification_id))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(ids), len(set(ids)), len(fake.notifications)) == (8, 1, 1)


async def test_it_serves_asyncio_within_an_async_block() -> None:
    async with FakeGateway() as fake:
        async with AsyncClient(fake.address) as pulse:
            sent = await pulse.send(**asked())
            waiting = asyncio.create_task(pulse.wait(sent.notification_id, timeout=20))
            fake.advance(sent.notification_id, "SENDING", "SENT")
            assert (await waiting).status is Status.SENT
    with pytest.raises(PulseError) as caught, Client(fake.address, timeout=0.5) as late:
        late.send(**asked())
    assert caught.value.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


def test_two_serve_side_by_side() -> None:
    with FakeGateway() as one, FakeGateway() as other:
        assert one.address != other.address
        with Client(other.address) as pulse:
            pulse.send(**asked())
        assert (len(one.requests), len(other.requests)) == (0, 1)


def test_the_example_of_the_readme_passes() -> None:
    (block,) = [
        text for text in re.findall(r"^```python\n(.*?)^```", README.read_text(), re.M | re.S) if "Fake" in text
    ]
    made: dict[str, Any] = {}
    exec(block, made)
    tests = [test for name, test in made.items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()


def test_the_docstring_says_what_is_so(capsys: pytest.CaptureFixture[str]) -> None:
    import doctest

    assert doctest.testmod(pulse_client.testing).failed == 0
