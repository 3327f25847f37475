"""One notification, one trace: every hop's span, in the order of their parents, received by a real collector."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from typing import Any

from proof.waiting import wait_until
from pulse_client import AsyncClient, Request
from tests.e2e.suite import Suite
from tests.support import eventually
from tests.support.otlp_receiver import OtlpReceiver, ReceivedSpan

#: Of a HIGH SMS by REST, to a worker that waits: each hop's role and span, and whose child it is.
WAY = [
    ("envoy", "ingress", ""),
    ("gateway", "pulse.gateway.v1.CompatibilityService/Send", "ingress"),
    ("router", "router.admit", "pulse.gateway.v1.CompatibilityService/Send"),
    ("ledger", "ledger.record", "router.admit"),
    ("ledger", "ledger.claim", "router.admit"),
    ("router", "stream.push", "router.admit"),
    ("worker-high", "deliver", "stream.push"),
    ("worker-high", "send by twilio", "deliver"),
    ("sandbox", "POST /2010-04-01/Accounts/{sid}/Messages.json", "send by twilio"),
    ("ledger", "ledger.settle", "deliver"),
    ("ledger", "ledger.receipt", "router.admit"),
]
#: Of what no worker waits for, in place of the push.
WAY_BY_BROKER = [
    ("router", "celery.publish", "router.admit"),
    ("ledger", "ledger.claim", "router.admit"),
    ("worker-low", "celery.process", "celery.publish"),
    ("worker-low", "deliver", "celery.process"),
]


def traceparent() -> tuple[str, dict[str, str]]:
    """A fresh trace id, and the header of a caller that samples it."""
    trace_id = uuid.uuid4().hex
    return trace_id, {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}


def code(**more: str) -> dict[str, object]:
    user = f"user_{uuid.uuid4().hex[:8]}"
    number = f"+1555{uuid.uuid4().int % 10**7:07d}"
    return {"template_name": "login_otp", "user_id": user, "to": number, "context": {"code": "424242"}, **more}


def told() -> dict[str, Any]:
    """The same for the client."""
    fields = code()
    return {**{name: fields[name] for name in ("user_id", "to", "context")}, "template": fields["template_name"]}


def names(spans: list[ReceivedSpan]) -> set[str]:
    return {span.name for span in spans}


def way(spans: list[ReceivedSpan]) -> set[tuple[str, str, str]]:
    """Role and name of each span, with its parent's name."""
    by_id = {span.span_id: span.name for span in spans}
    return {(span.role, span.name, by_id.get(span.parent_id, "")) for span in spans}


def test_a_one_time_code_sent_by_rest_is_one_trace_with_every_hop(traced: Suite, receiver: OtlpReceiver) -> None:
    trace_id, headers = traceparent()
    answer = traced.rest.post("/api/notifications/send/", json=code(channel="sms"), headers=headers)
    assert answer.status_code == 202, answer.text
    wait_until(lambda: {name for _, name, _ in WAY} <= names(receiver.trace(trace_id)), timeout=30)
    spans = receiver.trace(trace_id)
    assert set(WAY) <= way(spans)
    assert {span.attributes.get("pulse.notification_id") for span in spans if span.name == "deliver"} == {
        answer.json()["notification_id"]
    }


def test_what_goes_by_the_broker_is_one_trace_too(traced: Suite, receiver: OtlpReceiver) -> None:
    trace_id, headers = traceparent()
    assert traced.rest.post("/v1/notifications", json=code(priority="LOW"), headers=headers).status_code == 200
    wait_until(lambda: {name for _, name, _ in WAY_BY_BROKER} <= names(receiver.trace(trace_id)), timeout=30)
    assert set(WAY_BY_BROKER) <= way(receiver.trace(trace_id))


async def test_what_a_client_gathered_is_in_the_trace_of_each_caller(traced: Suite, receiver: OtlpReceiver) -> None:
    given = [traceparent() for _ in range(3)]
    requests = [Request(**told(), traceparent=headers["traceparent"]) for _, headers in given]
    async with AsyncClient(traced.grpc_address) as pulse:
        sent = await asyncio.gather(*(pulse.send(**request) for request in requests), pulse.send(**told()))
        seen = [(await pulse.get(one.notification_id)).trace_id for one in sent]
    ids = [trace_id for trace_id, _ in given]
    assert seen[:3] == ids
    assert len({*seen}) == 4
    hops = {"pulse.gateway.v1.NotificationService/SendNotification", "ledger.record", "deliver"}
    for trace_id, one in zip(ids, sent, strict=False):
        await eventually(lambda trace_id=trace_id: hops <= names(receiver.trace(trace_id)))  # type: ignore[misc]
        spans = [span for span in receiver.trace(trace_id) if "pulse.notification_id" in span.attributes]
        assert {span.attributes["pulse.notification_id"] for span in spans} == {one.notification_id}


def test_a_child_never_begins_before_its_parent(traced: Suite, receiver: OtlpReceiver) -> None:
    trace_id, headers = traceparent()
    assert traced.rest.post("/v1/notifications", json=code(), headers=headers).status_code == 200
    wait_until(lambda: "ledger.receipt" in names(receiver.trace(trace_id)), timeout=30)
    spans = receiver.trace(trace_id)
    by_id = {span.span_id: span for span in spans}
    # One machine's clock, read in several processes: to the millisecond.
    assert all(span.started >= by_id[span.parent_id].started - 1_000_000 for span in spans if span.parent_id in by_id)


def test_high_is_kept_from_the_gateway_on_where_nothing_is_sampled(traced: Suite, receiver: OtlpReceiver) -> None:
    answer = traced.rest.post("/v1/notifications", json=code())
    id_ = answer.json()["notification_id"]

    def delivered() -> list[ReceivedSpan]:
        return [span for span in receiver.spans if span.attributes.get("pulse.notification_id") == id_]

    wait_until(lambda: {"deliver", "pulse.gateway.v1.NotificationService/SendNotification"} <= names(delivered()))
    assert len({span.trace_id for span in delivered()}) == 1
    shown = traced.rest.get(f"/v1/notifications/{id_}").json()
    assert shown["trace_id"] == delivered()[0].trace_id


def test_low_is_not_kept_unless_it_fails(traced: Suite, receiver: OtlpReceiver) -> None:
    fine = traced.send().json()["notification_id"]
    traced.until_arrived(fine)
    refused = traced.send(to=f"no-such-user-{uuid.uuid4().hex[:6]}@example.com").json()["notification_id"]
    wait_until(lambda: traced.status(refused)["status"] == "failed")
    wait_until(lambda: any(span.attributes.get("pulse.notification_id") == refused for span in receiver.spans))
    told = [span for span in receiver.spans if span.attributes.get("pulse.notification_id") in (fine, refused)]
    assert {span.attributes["pulse.notification_id"] for span in told} == {refused}
    assert all(span.error for span in told if span.name == "deliver")


def test_a_retry_belongs_to_the_trace_of_its_request(traced: Suite, receiver: OtlpReceiver) -> None:
    address = f"{uuid.uuid4().hex[:10]}@example.com"
    fault = {"provider": "smtp", "match": address, "action": "status", "value": 451, "times": 1}
    assert traced.sandbox.put("/api/faults", json=[fault]).is_success
    trace_id, headers = traceparent()
    body = {"template_name": "welcome_email", "user_id": address, "to": address, "context": {"name": "Ann"}}
    sent = traced.rest.post("/v1/notifications", json=body, headers=headers).json()["notification_id"]
    traced.until_arrived(sent)

    def attempts() -> list[ReceivedSpan]:
        return [span for span in receiver.trace(trace_id) if span.name == "deliver"]

    wait_until(lambda: len(attempts()) == 2)
    first, second = attempts()
    assert (first.attributes["pulse.outcome"], second.attributes["pulse.outcome"]) == ("TRANSIENT_FAILURE", "SUCCEEDED")
    assert (first.attributes["pulse.attempt"], second.attributes["pulse.attempt"]) == (1, 2)
    # Each came by way of the broker, the second after a draw from the ledger.
    wait_until(lambda: len([span for span in receiver.trace(trace_id) if span.name == "celery.publish"]) == 2)
    published = [span for span in receiver.trace(trace_id) if span.name == "celery.publish"]
    taken = {span.span_id: span.parent_id for span in receiver.trace(trace_id) if span.name == "celery.process"}
    assert [taken[span.parent_id] for span in (first, second)] == [span.span_id for span in published]


def test_what_was_scheduled_is_dispatched_in_the_trace_of_its_request(traced: Suite, receiver: OtlpReceiver) -> None:
    trace_id, headers = traceparent()
    at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2)
    answer = traced.rest.post("/v1/notifications", json=code(send_at=at.isoformat()), headers=headers)
    assert answer.status_code == 200, answer.text
    wait_until(lambda: {"celery.publish", "celery.process", "deliver"} <= names(receiver.trace(trace_id)), timeout=30)
    (published,) = [span for span in receiver.trace(trace_id) if span.name == "celery.publish"]
    assert published.started >= at.timestamp() * 1e9


def test_a_page_of_the_console_is_a_trace_with_the_calls_that_it_makes(traced: Suite, receiver: OtlpReceiver) -> None:
    trace_id, headers = traceparent()
    assert traced.rest.get("/console/notifications", headers=headers).status_code == 200
    page, asked = "GET /console/notifications", "pulse.gateway.v1.NotificationService/ListNotifications"
    wait_until(lambda: {"ingress", page, asked} <= names(receiver.trace(trace_id)), timeout=30)
    by_name = {span.name: span for span in receiver.trace(trace_id)}
    assert by_name[page].parent_id == by_name["ingress"].span_id
    assert by_name[asked].parent_id == by_name[page].span_id
    assert (by_name[page].role, by_name[asked].role) == ("console", "gateway")


def test_a_fallback_belongs_to_the_trace_of_its_request(traced: Suite, receiver: OtlpReceiver) -> None:
    user = f"user_{uuid.uuid4().hex[:8]}"
    number = f"+1555{uuid.uuid4().int % 10**7:07d}"
    body = {
        "template_name": "welcome_email",
        "user_id": user,
        "context": {"name": "Ann"},
        "to": f"no-such-user-{user}@example.com",
        "fallbacks": [{"channel": "SMS", "to": number}],
    }
    trace_id, headers = traceparent()
    answer = traced.rest.post("/v1/notifications", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    wait_until(lambda: {"send by smtp", "send by twilio"} <= names(receiver.trace(trace_id)), timeout=30)


def test_each_of_a_batch_has_its_own_spans_linked_to_the_batch(traced: Suite, receiver: OtlpReceiver) -> None:
    trace_id, headers = traceparent()
    size = 500
    run = uuid.uuid4().hex[:8]
    requests = [
        {
            "template_name": "welcome_email",
            "user_id": f"{run}-{number}",
            "context": {"name": "Ann"},
            "to": f"{run}-{number}@example.com",
        }
        for number in range(size)
    ]
    answer = traced.rest.post("/v1/notifications:batchSend", json={"requests": requests}, headers=headers)
    ids = {result["notification_id"] for result in answer.json()["results"]}
    assert len(ids) == size

    def recorded() -> list[ReceivedSpan]:
        return [span for span in receiver.trace(trace_id) if span.name == "ledger.record"]

    wait_until(lambda: len(recorded()) == size, timeout=30)
    assert {span.attributes["pulse.notification_id"] for span in recorded()} == ids
    batches = {(span.trace_id, span.span_id) for span in receiver.spans if span.name.endswith("LedgerService/Record")}
    assert all(set(span.links) & batches for span in recorded())
    delivered = {
        span.attributes["pulse.notification_id"] for span in receiver.trace(trace_id) if span.name == "deliver"
    }
    wait_until(
        lambda: (
            ids
            <= {span.attributes["pulse.notification_id"] for span in receiver.trace(trace_id) if span.name == "deliver"}
        ),
        timeout=30,
    )
    assert delivered <= ids
