"""Sending many notifications at once."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2
from pulse.gateway.v1 import notification_service_pb2 as api
from services.gateway.sending.acceptance import Draft
from shared.errors import Code, PulseError
from shared.rpc.channels import MOST_BATCH_BYTES
from shared.rpc.statuses import from_status
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal, request
from tests.support import eventually


async def test_a_refused_batch_is_let_go_with_its_answer(client: Client) -> None:
    """Not only once the collector looks for cycles, which is seldom: megabytes would wait for it."""
    batch = api.BatchSendNotificationsRequest(
        requests=[request(template_name="nothing"), request(to="nowhere"), request(user_id="")] * 10
    )
    gc.collect()
    gc.disable()
    try:
        answer = await client.notifications.BatchSendNotifications(batch)
        assert all(one.HasField("error") for one in answer.results)
        await eventually(lambda: not [one for one in gc.get_objects() if isinstance(one, Draft)])
    finally:
        gc.enable()


async def test_each_request_has_its_own_outcome(client: Client, peers: fakes.Peers) -> None:
    limited = PulseError(Code.RESOURCE_EXHAUSTED, "RATE_LIMITED", "too many", retry_after=3.0)
    peers.router.refuse = lambda submission: limited if submission.asked.user_id == "greedy" else None
    answer = await client.notifications.BatchSendNotifications(
        api.BatchSendNotificationsRequest(
            requests=[
                request(idempotency_key="k"),
                request(to="nowhere"),
                request(template_name="nothing"),
                request(user_id="greedy"),
                request(idempotency_key="k"),
                request(idempotency_key="k", user_id="u-2"),
                request(user_id=""),
            ]
        )
    )
    reasons = [from_status(one.error).reason if one.HasField("error") else "" for one in answer.results]
    assert reasons == [
        "",
        "EMAIL_INVALID",
        "TEMPLATE_NOT_FOUND",
        "RATE_LIMITED",
        "",
        "IDEMPOTENCY_KEY_REUSED",
        "INVALID_FIELDS",
    ]
    first, again = answer.results[0], answer.results[4]
    assert first.notification_id == again.notification_id and again.replayed
    assert from_status(answer.results[3].error).retry_after == 3.0
    assert [v.field for v in from_status(answer.results[6].error).violations] == ["user_id"]
    assert len(peers.router.submissions) == 4


async def test_a_thousand_go_in_calls_of_at_most_five_hundred(client: Client, peers: fakes.Peers) -> None:
    requests = [request(user_id=f"u-{n}") for n in range(1000)]
    answer = await client.notifications.BatchSendNotifications(api.BatchSendNotificationsRequest(requests=requests))
    assert len({one.notification_id for one in answer.results}) == 1000
    assert peers.router.batches == [500, 500]


@pytest.mark.parametrize("text", ["\x01" * 10_900, "x" * 50_000, "\U0001f600" * 12_000])
async def test_large_contexts_go_in_calls_that_the_router_can_take(
    client: Client, peers: fakes.Peers, text: str
) -> None:
    """As JSON a context may take six times the bytes that it came in."""
    requests = [request(user_id=f"u-{n}", context={"name": text}) for n in range(300)]
    asked = api.BatchSendNotificationsRequest(requests=requests)
    answer = await client.notifications.BatchSendNotifications(asked)
    assert [one for one in answer.results if one.HasField("error")] == []
    assert sum(peers.router.batches) == 300
    assert max(peers.router.bytes) <= MOST_BATCH_BYTES + 10_000


async def test_large_single_sends_share_calls_that_the_router_can_take(client: Client, peers: fakes.Peers) -> None:
    await asyncio.gather(*(client.send(user_id=f"u-{n}", context={"name": "\x01" * 10_900}) for n in range(450)))
    assert sum(peers.router.batches) == 450
    assert max(peers.router.bytes) <= MOST_BATCH_BYTES + 10_000


async def test_the_largest_answer_is_one_that_any_client_takes(client: Client, peers: fakes.Peers) -> None:
    """A thousand refusals, each with as much to say as an error may."""
    bad = request(
        user_id="",
        to="\u00e4" * 1_000,
        template_name="\u00e4" * 500,
        metadata={f"{n}" + "\u00e4" * 90: "x" * 900 for n in range(8)},
    )
    bad.fallbacks.add(to="\u00e4" * 1_000)
    asked = api.BatchSendNotificationsRequest(requests=[bad] * 1000)
    answer = await client.notifications.BatchSendNotifications(asked)
    assert all(one.HasField("error") for one in answer.results)
    assert answer.ByteSize() < 4 * 2**20


@pytest.mark.parametrize("count", [0, 1001, 100_000])
async def test_too_few_or_too_many_are_refused_together(client: Client, peers: fakes.Peers, count: int) -> None:
    asked = api.BatchSendNotificationsRequest(requests=[api.SendNotificationRequest()] * count)
    error = await refusal(client.notifications.BatchSendNotifications(asked))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "INVALID_FIELDS")
    assert [violation.field for violation in error.violations] == ["requests"]
    assert not peers.router.submissions


async def test_a_key_header_cannot_stand_for_a_batch(client: Client, peers: fakes.Peers) -> None:
    asked = api.BatchSendNotificationsRequest(requests=[request()])
    call = client.notifications.BatchSendNotifications(asked, metadata=[("idempotency-key", "k")])
    assert (await refusal(call)).reason == "IDEMPOTENCY_KEY_ON_BATCH"
    assert not peers.router.submissions


async def test_a_router_that_fails_is_told_for_each(client: Client, peers: fakes.Peers) -> None:
    peers.router.fail = PulseError(Code.FAILED_PRECONDITION, "NO_ROUTE", "no provider")
    asked = api.BatchSendNotificationsRequest(requests=[request(), request(to="nowhere")])
    answer = await client.notifications.BatchSendNotifications(asked)
    assert [from_status(one.error).reason for one in answer.results] == ["NO_ROUTE", "EMAIL_INVALID"]


async def test_too_many_in_batches_are_told_to_come_back(serve, peers: fakes.Peers) -> None:
    client = await serve(PULSE_GATEWAY_MAX_WAITING="1")
    asked = api.BatchSendNotificationsRequest(requests=[request(), request()])
    peers.router.gate.clear()
    alone = asyncio.ensure_future(_results(client.notifications.BatchSendNotifications(asked)))
    await eventually(lambda: peers.router.batches)
    refused = await _results(client.notifications.BatchSendNotifications(asked))
    assert [from_status(one.error).reason for one in refused] == ["OVERLOADED", "OVERLOADED"]
    peers.router.gate.set()
    assert all(one.notification_id for one in await alone)
    assert len(peers.router.submissions) == 2


async def _results(call: Any) -> Any:
    return (await call).results


async def test_old_keys_in_a_batch_are_looked_up_together(client: Client, peers: fakes.Peers) -> None:
    known = fakes.records_pb2.RecordResult(notification_id=fakes.KNOWN_ID, status=enums_pb2.SENT)
    peers.ledger.keys["default", "old"] = known
    past = {"seconds": 1_000_000_000}
    asked = api.BatchSendNotificationsRequest(
        requests=[
            request(idempotency_key="new", send_at=past),
            request(idempotency_key="old", send_at=past),
            request(send_at=past),
        ]
    )
    answer = await client.notifications.BatchSendNotifications(asked)
    assert [
        from_status(one.error).reason if one.HasField("error") else one.notification_id for one in answer.results
    ] == [
        "SEND_AT_PAST",
        fakes.KNOWN_ID,
        "SEND_AT_PAST",
    ]
