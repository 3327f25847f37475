"""Sending one notification."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2
from pulse.gateway.v1 import template_service_pb2
from shared.errors import Code, PulseError
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal, request
from tests.support import eventually


async def test_a_valid_request_reaches_the_router_whole(client: Client, peers: fakes.Peers) -> None:
    answer = await client.send(
        context={"name": "Ada", "n": 3, "list": [1.5, {"x": None}], "yes": True},
        priority="HIGH",
        locale="de-AT",
        metadata={"team": "growth"},
        idempotency_key="k-1",
        to="Ada@Bücher.example.com",
        subject="Hi",
    )
    assert answer.status == enums_pb2.QUEUED and answer.notification_id and not answer.replayed
    [submission] = peers.router.submissions
    assert (submission.tenant_id, submission.asked.user_id) == ("default", "u-1")
    assert (submission.asked.template_name, submission.asked.template_version, submission.asked.channel) == (
        "welcome",
        1,
        1,
    )
    assert submission.asked.to == "Ada@xn--bcher-kva.example.com"
    assert submission.asked.context_json == '{"list":[1.5,{"x":null}],"n":3,"name":"Ada","yes":true}'
    assert submission.requested_priority == enums_pb2.HIGH
    assert (submission.asked.locale, dict(submission.asked.metadata)) == ("de-AT", {"team": "growth"})
    assert (submission.asked.idempotency_key, submission.asked.subject) == ("k-1", "Hi")
    assert len(submission.fingerprint) == 32
    assert not submission.asked.HasField("send_at") and not submission.asked.HasField("expires_at")


async def test_a_repeated_key_gets_the_first_answer(client: Client) -> None:
    first = await client.send(idempotency_key="k")
    second = await client.send(headers=[("idempotency-key", "k")])
    assert second.replayed and second.notification_id == first.notification_id


async def test_a_key_used_for_another_request_is_refused_with_http_422(client: Client) -> None:
    await client.send(idempotency_key="k")
    call = client.notifications.SendNotification(request(idempotency_key="k", user_id="u-2"))
    error = await refusal(call)
    assert (error.code, error.reason) == (Code.ALREADY_EXISTS, "IDEMPOTENCY_KEY_REUSED")
    assert ("x-http-code", "422") in list(await call.trailing_metadata())


async def test_validate_only_stores_nothing_and_gives_no_id(client: Client, peers: fakes.Peers) -> None:
    answer = await client.send(validate_only=True)
    assert answer.notification_id == "" and peers.router.submissions[0].validate_only


async def test_sends_that_come_together_go_together(client: Client, peers: fakes.Peers) -> None:
    peers.router.gate.clear()
    sends = [asyncio.ensure_future(client.send(user_id=f"u-{n}")) for n in range(40)]
    await eventually(lambda: peers.router.batches)
    peers.router.gate.set()
    answers = await asyncio.gather(*sends)
    assert len({answer.notification_id for answer in answers}) == 40
    assert len(peers.router.batches) < 20 and sum(peers.router.batches) == 40


@pytest.mark.parametrize("urgent", [{"priority": enums_pb2.HIGH}, {"template_name": "login_otp"}])
async def test_what_is_urgent_does_not_wait_behind_what_is_not(
    urgent: dict[str, Any], serve, peers: fakes.Peers
) -> None:
    peers.store(fakes.template("login_otp", enums_pb2.EMAIL, "Hello {{ name }}", subject="Hello"))
    client = await serve(PULSE_GATEWAY_MAX_WAITING="3")
    peers.router.gate.clear()
    others = [asyncio.ensure_future(client.send())]
    await eventually(lambda: peers.router.batches == [1])
    others += [asyncio.ensure_future(client.send()) for _ in range(4)]
    await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
    # The router holds one, and so many wait for it that the next is refused.
    hurried = asyncio.ensure_future(client.send(**urgent))
    await eventually(lambda: peers.router.batches == [1, 1])
    assert peers.router.submissions[-1].asked.template_name == urgent.get("template_name", "welcome")
    peers.router.gate.set()
    assert (await hurried).notification_id
    await asyncio.wait(others)


async def test_a_limit_is_told_with_its_retry_time(client: Client, peers: fakes.Peers) -> None:
    limited = PulseError(Code.RESOURCE_EXHAUSTED, "RATE_LIMITED", "too many", retry_after=7.0)
    peers.router.refuse = lambda _: limited
    call = client.notifications.SendNotification(request())
    error = await refusal(call)
    assert (error.code, error.reason, error.retry_after) == (Code.RESOURCE_EXHAUSTED, "RATE_LIMITED", 7.0)
    assert ("retry-after", "7") in list(await call.trailing_metadata())


async def test_a_full_queue_tells_callers_to_come_back(serve, peers: fakes.Peers) -> None:
    client = await serve(PULSE_GATEWAY_MAX_WAITING="1")
    peers.router.gate.clear()
    under_way = asyncio.ensure_future(client.send())
    await eventually(lambda: peers.router.batches)
    both = [asyncio.ensure_future(client.send()) for _ in range(2)]
    [refused], _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    error = await refusal(refused)
    assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, "OVERLOADED")
    assert error.retry_after
    peers.router.gate.set()
    await asyncio.wait([under_way, *both])
    assert len(peers.router.submissions) == 2


async def test_a_router_that_cannot_be_reached_is_unavailable_without_its_address(serve) -> None:
    client = await serve(PULSE_ROUTER_ADDRESS="127.0.0.1:1")
    error = await refusal(client.send())
    assert (error.code, error.reason) == (Code.UNAVAILABLE, "UNAVAILABLE")
    assert "127.0.0.1" not in error.message


async def test_times_travel(client: Client, peers: fakes.Peers) -> None:
    answer = await client.send(send_at={"seconds": 1780320000 + 86400}, ttl={"seconds": 60})
    assert answer.notification_id
    [submission] = peers.router.submissions
    assert submission.asked.expires_at.seconds - submission.asked.send_at.seconds == 60


@pytest.mark.parametrize(
    "given, expected",
    [
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", True),
        ("00-00000000000000000000000000000000-b7ad6b7169203331-01", False),
        ("nonsense", False),
    ],
)
async def test_a_valid_traceparent_is_kept_and_any_other_replaced(
    client: Client, peers: fakes.Peers, given: str, expected: bool
) -> None:
    await client.send(headers=[("traceparent", given)])
    passed = peers.router.submissions[0].traceparent
    assert (passed == given) is expected
    assert len(passed) == 55


async def test_a_keyed_repetition_is_answered_though_its_time_has_passed(client: Client, peers: fakes.Peers) -> None:
    known = fakes.records_pb2.RecordResult(notification_id=fakes.KNOWN_ID, status=enums_pb2.SENT)
    peers.ledger.keys["default", "old"] = known
    answer = await client.send(idempotency_key="old", send_at={"seconds": 1_000_000_000})
    assert (answer.notification_id, answer.replayed, answer.status) == (fakes.KNOWN_ID, True, enums_pb2.SENT)
    error = await refusal(client.send(idempotency_key="new", send_at={"seconds": 1_000_000_000}))
    assert error.reason == "SEND_AT_PAST"
    assert not peers.router.submissions


async def test_a_caller_that_gives_up_after_the_batch_went_leaves_the_notification_standing(
    client: Client, peers: fakes.Peers
) -> None:
    peers.router.gate.clear()
    call = client.notifications.SendNotification(request(idempotency_key="k"))
    send = asyncio.ensure_future(_outcome(call))
    await eventually(lambda: peers.router.batches)
    call.cancel()
    await send
    peers.router.gate.set()
    assert (await client.send(idempotency_key="k")).replayed


async def test_one_look_up_serves_all_who_wait_for_a_template(client: Client, peers: fakes.Peers) -> None:
    peers.reader.gate.clear()
    sends = [asyncio.ensure_future(client.send(user_id=f"u-{n}")) for n in range(10)]
    await eventually(lambda: peers.reader.requests)
    sends[0].cancel()
    peers.reader.gate.set()
    await asyncio.gather(*sends[1:])
    assert len(peers.reader.requests) == 1


async def test_a_new_template_version_made_here_is_used_at_once(client: Client, peers: fakes.Peers) -> None:
    await client.send()
    changed = fakes.template("welcome", enums_pb2.EMAIL, "Hi {{ name }} from {{ city }}")
    await client.templates.UpdateTemplate(template_service_pb2.UpdateTemplateRequest(template=changed))
    error = await refusal(client.send())
    assert error.reason == "MISSING_VARIABLE"
    await client.send(context={"name": "Ada", "city": "Graz"})
    assert peers.router.submissions[-1].asked.template_version == 2
    assert json.loads(peers.router.submissions[-1].asked.context_json) == {"name": "Ada", "city": "Graz"}


async def _outcome(call) -> object:
    try:
        return await call
    except asyncio.CancelledError as cancelled:
        return cancelled


async def test_a_router_of_the_release_before_finds_what_was_asked_where_it_looks(
    client: Client, peers: fakes.Peers
) -> None:
    peers.router.reads_asked = False
    await client.send()
    await client.send(
        locale="de-AT", subject="Hi", metadata={"team": "growth"}, idempotency_key="k-1", ttl={"seconds": 60}
    )
    _, submission = peers.router.submissions
    former = {field.name for field in submission.DESCRIPTOR.fields if field.GetOptions().deprecated}
    assert {"context_json", "template_version", "digest_window"} < former
    for name in former:
        assert getattr(submission, name) == getattr(submission.asked, name), name


async def test_a_router_that_reads_what_was_asked_gets_it_once(client: Client, peers: fakes.Peers) -> None:
    for _ in range(2):
        await client.send()
    first, second = peers.router.submissions
    assert first.user_id == first.asked.user_id == second.asked.user_id
    assert not second.user_id and not second.context_json
