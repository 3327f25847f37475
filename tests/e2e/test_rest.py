"""The /v1 paths over REST: the same notifications, in the names of the contract."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

import pytest

from proof.waiting import wait_until
from tests.e2e.suite import Suite


def body(**fields: Any) -> dict[str, Any]:
    return {
        "user_id": f"user_{uuid.uuid4().hex[:8]}",
        "template_name": "welcome_email",
        "to": "ann@example.com",
        "context": {"name": "Ann"},
        **fields,
    }


def post(suite: Suite, **fields: Any) -> dict[str, Any]:
    answer = suite.rest.post("/v1/notifications", json=body(**fields))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def in_an_hour() -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).isoformat().replace("+00:00", "Z")


def test_a_notification_is_accepted_followed_and_told_with_its_timeline(suite: Suite) -> None:
    sent = post(suite, metadata={"order": "7"})
    assert (sent["status"], sent["replayed"]) == ("QUEUED", False)
    suite.until_arrived(sent["notification_id"])
    told = suite.rest.get(f"/v1/notifications/{sent['notification_id']}").json()
    assert (told["status"], told["channel"], told["metadata"]) == ("SENT", "EMAIL", {"order": "7"})
    kinds = [event["kind"] for event in told["timeline"]]
    assert kinds == ["ACCEPTED", "ATTEMPT_STARTED", "ATTEMPT_ENDED"]
    assert [event["sequence"] for event in told["timeline"]] == [1, 2, 3]
    rules = {decision["rule"]: decision["result"] for decision in told["timeline"][0]["decisions"]}
    assert rules["lane"] == "LOW"


@pytest.mark.parametrize(("template", "lane"), [("login_otp", "HIGH"), ("welcome_email", "LOW")])
def test_the_lane_follows_from_the_template(suite: Suite, template: str, lane: str) -> None:
    sent = post(suite, template_name=template, channel="EMAIL", context={"name": "A", "code": "1"})
    assert suite.rest.get(f"/v1/notifications/{sent['notification_id']}").json()["priority"] == lane


@pytest.mark.parametrize("channel", ["sms", "Sms", "SMS"])
def test_enum_values_are_read_in_any_case(suite: Suite, channel: str) -> None:
    sent = post(suite, channel=channel, to="+15551234567", priority="high")
    told = suite.rest.get(f"/v1/notifications/{sent['notification_id']}").json()
    assert (told["channel"], told["priority"]) == ("SMS", "HIGH")


def test_the_idempotency_key_header_says_what_the_field_says(suite: Suite) -> None:
    key, request = f"h-{uuid.uuid4()}", body()
    first = suite.rest.post("/v1/notifications", json=request, headers={"Idempotency-Key": key}).json()
    second = suite.rest.post("/v1/notifications", json={**request, "idempotency_key": key}).json()
    assert (second["notification_id"], second["replayed"]) == (first["notification_id"], True)


def test_a_key_used_for_another_request_is_refused(suite: Suite) -> None:
    key = f"k-{uuid.uuid4()}"
    first = post(suite, idempotency_key=key)
    again = suite.rest.post("/v1/notifications", json=body(idempotency_key=key, to="bob@example.com"))
    assert again.status_code == 422
    assert "IDEMPOTENCY_KEY_REUSED" in again.text
    assert len(suite.receipts(first["notification_id"])) <= 1


def test_a_batch_tells_the_fate_of_each(suite: Suite) -> None:
    requests = [body(), body(to="not an address"), body(template_name="nope"), body()]
    answer = suite.rest.post("/v1/notifications:batchSend", json={"requests": requests})
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [bool(result["notification_id"]) for result in results] == [True, False, False, True]
    assert results[1]["error"]["code"] == 3
    assert results[2]["error"]["code"] == 5
    suite.until_arrived(results[3]["notification_id"])


def test_a_scheduled_notification_waits_and_can_be_cancelled(suite: Suite) -> None:
    sent = post(suite, send_at=in_an_hour())
    assert sent["status"] == "SCHEDULED"
    for _ in range(2):
        cancelled = suite.rest.post(f"/v1/notifications/{sent['notification_id']}:cancel", json={})
        assert (cancelled.status_code, cancelled.json()["status"]) == (200, "CANCELLED")
    assert suite.receipts(sent["notification_id"]) == []


def test_what_is_sent_cannot_be_cancelled(suite: Suite) -> None:
    sent = post(suite)
    suite.until_arrived(sent["notification_id"])
    answer = suite.rest.post(f"/v1/notifications/{sent['notification_id']}:cancel", json={})
    assert answer.status_code == 400
    assert "NOT_CANCELLABLE" in answer.text


def test_a_notification_can_be_watched_to_its_end(suite: Suite) -> None:
    sent = post(suite)
    with suite.rest.stream("GET", f"/v1/notifications/{sent['notification_id']}:watch") as stream:
        events = [json.loads(line) for line in stream.iter_lines() if line]
    assert [event["event"]["kind"] for event in events] == ["ACCEPTED", "ATTEMPT_STARTED", "ATTEMPT_ENDED"]
    assert events[-1]["status"] == "SENT"


def test_pages_follow_each_other_without_gap_or_repetition(suite: Suite) -> None:
    user = f"user_{uuid.uuid4().hex}"
    made = [post(suite, user_id=user)["notification_id"] for _ in range(7)]
    seen: list[str] = []
    token = ""
    while True:
        page = suite.rest.get("/v1/notifications", params={"user_id": user, "page_size": 3, "page_token": token}).json()
        seen += [notification["notification_id"] for notification in page["notifications"]]
        token = page["next_page_token"]
        if not token:
            break
    assert seen == made[::-1]


def test_templates_have_versions_locales_and_a_preview(suite: Suite) -> None:
    name = f"t_{uuid.uuid4().hex}"
    contents = [{"body": "Hi {{ name }}"}, {"locale": "de", "body": "Hallo {{ name }}"}]
    created = suite.rest.post("/v1/templates", json={"name": name, "channel": "email", "contents": contents})
    assert (created.status_code, created.json()["version"], created.json()["variables"]) == (200, 1, ["name"])
    german = suite.rest.post(f"/v1/templates/{name}:preview", json={"context": {"name": "Ann"}, "locale": "de-AT"})
    assert german.json()["body"] == "Hallo Ann"
    first = post(suite, template_name=name)
    updated = suite.rest.put(
        f"/v1/templates/{name}", json={"channel": "email", "contents": [{"body": "Bye {{ name }}"}]}
    )
    assert (updated.status_code, updated.json()["version"]) == (200, 2)
    second = post(suite, template_name=name)
    assert "Hi Ann" in suite.until_arrived(first["notification_id"])["body"]
    assert "Bye Ann" in suite.until_arrived(second["notification_id"])["body"]
    assert (
        suite.rest.get(f"/v1/templates/{name}", params={"version": 1}).json()["contents"][0]["body"] == "Hi {{ name }}"
    )
    assert suite.rest.delete(f"/v1/templates/{name}").status_code == 200
    assert suite.rest.get(f"/v1/templates/{name}").status_code == 404
    again = suite.rest.post("/v1/notifications", json=body(template_name=name))
    assert again.status_code == 404


def test_queue_depths_and_statistics_are_told(suite: Suite) -> None:
    suite.until_arrived(post(suite)["notification_id"])
    lanes = {queue["lane"] for queue in suite.rest.get("/v1/operations/queues").json()["queues"]}
    assert lanes == {"HIGH", "LOW"}
    counts = suite.rest.get("/v1/operations/statistics").json()["counts"]
    assert any(c["status"] == "SENT" and c["channel"] == "EMAIL" and int(c["count"]) > 0 for c in counts)


def test_a_permanent_refusal_ends_as_a_dead_letter_that_can_be_replayed(suite: Suite) -> None:
    to = f"dead-{uuid.uuid4().hex}@example.com"
    fault = [{"provider": "smtp", "match": to, "action": "status", "value": 550, "times": 1}]
    assert suite.sandbox.put("/api/faults", json=fault).status_code == 200
    sent = post(suite, to=to)["notification_id"]
    wait_until(lambda: suite.status(sent)["status"] == "failed")
    listed = suite.rest.get("/v1/operations/deadLetters", params={"page_size": 1000}).json()["dead_letters"]
    assert sent in [letter["notification_id"] for letter in listed]
    replayed = suite.rest.post(f"/v1/operations/deadLetters/{sent}:replay", json={})
    assert replayed.status_code == 200, replayed.text
    suite.until_arrived(sent)


def test_a_passing_refusal_is_tried_again_until_it_arrives(suite: Suite) -> None:
    to = f"busy-{uuid.uuid4().hex}@example.com"
    fault = [{"provider": "smtp", "match": to, "action": "status", "value": 451, "times": 1}]
    suite.sandbox.put("/api/faults", json=fault)
    sent = post(suite, to=to)["notification_id"]
    suite.until_arrived(sent)
    told = suite.rest.get(f"/v1/notifications/{sent}").json()
    outcomes = [event["outcome"] for event in told["timeline"] if event["kind"] == "ATTEMPT_ENDED"]
    assert outcomes == ["TRANSIENT_FAILURE", "SUCCEEDED"]
