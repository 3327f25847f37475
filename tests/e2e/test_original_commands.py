"""The original's published commands run unchanged."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.e2e.suite import Suite

EMAIL = {"template_name": "welcome_email", "to": "test@example.com", "context": {"name": "John"}, "channel": "email"}
SMS = {"template_name": "login_otp", "to": "+1234567890", "context": {"code": "123456"}, "channel": "sms"}
OTP_SMS = {"template_name": "otp_sms", "to": "+15551234567", "context": {"code": "123456"}, "channel": "sms"}
PUSH = {
    "template_name": "welcome_push",
    "to": "dummy@app.com",
    "context": {"name": "Shyam"},
    "channel": "push",
    "device_token": "fcm_dummy_token_abc",
    "title": "Welcome!",
}


FIELDS = {
    *("notification_id", "user_id", "template_name", "channel", "to", "status", "attempts", "max_retries"),
    *("created_at", "sent_at", "last_attempt_at", "next_retry_at", "error_message", "provider_config"),
    "idempotency_key",
}


def test_an_email_is_accepted_and_arrives(suite: Suite) -> None:
    answer = suite.send(**EMAIL)
    assert answer.status_code == 202
    assert answer.json() == {"notification_id": answer.json()["notification_id"], "status": "queued"}
    receipt = suite.until_arrived(answer.json()["notification_id"])
    assert (receipt["channel"], receipt["to"]) == ("email", "test@example.com")
    assert "John" in receipt["body"]


@pytest.mark.parametrize("body", [SMS, OTP_SMS], ids=["login_otp", "otp_sms"])
def test_a_code_arrives_by_sms(suite: Suite, body: dict[str, Any]) -> None:
    receipt = suite.until_arrived(suite.send(**body).json()["notification_id"])
    assert (receipt["channel"], receipt["to"]) == ("sms", body["to"])
    assert "123456" in receipt["body"]


def test_a_push_goes_to_the_device_token_with_its_title(suite: Suite) -> None:
    receipt = suite.until_arrived(suite.send(**PUSH).json()["notification_id"])
    assert (receipt["channel"], receipt["to"], receipt["subject"]) == ("push", "fcm_dummy_token_abc", "Welcome!")


def test_login_otp_goes_by_push_too(suite: Suite) -> None:
    body = {"template_name": "login_otp", "to": "token-1", "context": {"code": "9"}, "channel": "PUSH"}
    assert suite.until_arrived(suite.send(**body).json()["notification_id"])["channel"] == "push"


def test_a_subject_is_overridden(suite: Suite) -> None:
    answer = suite.send(**EMAIL, subject="Custom Welcome Subject")
    assert suite.until_arrived(answer.json()["notification_id"])["subject"] == "Custom Welcome Subject"


def test_an_email_template_may_go_by_sms(suite: Suite) -> None:
    body = {**EMAIL, "channel": "sms", "to": "+15551234567"}
    assert suite.until_arrived(suite.send(**body).json()["notification_id"])["channel"] == "sms"


def test_the_template_says_the_channel_where_the_caller_does_not(suite: Suite) -> None:
    answer = suite.send(channel="")
    assert suite.until_arrived(answer.json()["notification_id"])["channel"] == "email"


def test_a_key_sent_twice_makes_one_notification(suite: Suite) -> None:
    body = {**EMAIL, "user_id": "user_test", "idempotency_key": f"test-{uuid.uuid4()}"}
    first = suite.send(**body)
    suite.until_arrived(first.json()["notification_id"])
    second = suite.send(**body)
    assert (first.status_code, second.status_code) == (202, 200)
    assert second.json() == {"notification_id": first.json()["notification_id"], "status": "sent"}
    assert len(suite.receipts(first.json()["notification_id"])) == 1


def test_the_status_has_the_originals_fields(suite: Suite) -> None:
    sent = suite.send(**SMS, user_id="user_456", idempotency_key=f"k-{uuid.uuid4()}").json()
    receipt = suite.until_arrived(sent["notification_id"])
    status = suite.status(sent["notification_id"])
    assert set(status) == FIELDS
    assert status["user_id"] == "user_456"
    assert (status["channel"], status["status"], status["attempts"]) == ("sms", "sent", 1)
    assert status["created_at"] <= status["last_attempt_at"] <= status["sent_at"]
    assert status["next_retry_at"] is None
    assert status["error_message"] is None
    assert status["provider_config"]["twilio_sid"].startswith("SM")
    assert receipt["to"] == status["to"]


def test_notifications_are_listed_and_filtered(suite: Suite) -> None:
    user = f"user_{uuid.uuid4().hex}"
    sent = suite.send(**{**EMAIL, "user_id": user}).json()["notification_id"]
    suite.until_arrived(sent)
    for query, expected in [
        (f"user_id={user}", [sent]),
        (f"user_id={user}&channel=email&status=sent&limit=5", [sent]),
        (f"user_id={user}&channel=sms", []),
        (f"user_id={user}&status=failed", []),
    ]:
        listed = suite.rest.get(f"/api/notifications/list/?{query}").json()
        assert [result["notification_id"] for result in listed["results"]] == expected, query
        assert listed["count"] == len(expected)


def test_templates_are_listed_and_told_by_name_and_by_id(suite: Suite) -> None:
    listed = suite.rest.get("/api/notifications/templates/").json()
    by_name = {template["name"]: template for template in listed["results"]}
    assert {"welcome_email", "login_otp"} <= by_name.keys()
    assert listed["count"] == len(listed["results"])
    template = by_name["welcome_email"]
    assert set(template) == {"id", "name", "channel", "subject", "body_template", "created_at"}
    assert "{{ name }}" in template["body_template"]
    for handle in (template["name"], template["id"]):
        assert suite.rest.get(f"/api/notifications/templates/{handle}/").json() == template
    only_sms = suite.rest.get("/api/notifications/templates/?channel=sms").json()["results"]
    assert {template["channel"] for template in only_sms} == {"sms"}


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_trailing_slash_makes_no_difference(suite: Suite, slash: str) -> None:
    assert suite.rest.get(f"/api/notifications/templates{slash}").status_code == 200
    assert suite.rest.post(f"/api/notifications/send{slash}", json={**EMAIL, "user_id": "slash"}).status_code == 202


def test_the_eleventh_send_of_a_user_and_channel_is_refused_and_a_replay_is_not(suite: Suite) -> None:
    user = f"user_{uuid.uuid4().hex}"
    bodies = [{**EMAIL, "user_id": user, "idempotency_key": f"{user}-{n}"} for n in range(11)]
    answers = [suite.send(**body) for body in bodies]
    assert [answer.status_code for answer in answers] == [202] * 10 + [429]
    assert 0 < int(answers[10].headers["retry-after"]) <= 60
    reasons = [d["reason"] for d in answers[10].json()["details"] if d["@type"].endswith("ErrorInfo")]
    assert reasons == ["RATE_LIMITED"]
    assert suite.send(**bodies[0]).status_code == 200
    assert suite.send(**{**SMS, "user_id": user}).status_code == 202, "another channel has places of its own"
