"""What becomes of mail by SES: its events come by SNS, signed, through the front door."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from proof.waiting import wait_until
from tests.e2e.notifications import events, make_template, new, reasons, send, settled, told
from tests.e2e.suite import Suite, running
from tests.e2e.test_routing_providers import free_port

TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses-events"
AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=key/20260102/eu-west-1/sns/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date, Signature=" + "0" * 64
)


@pytest.fixture(scope="module")
def by_ses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """Mail goes by the sandbox's SES alone; the front door is subscribed to its events."""
    port = free_port()
    sandbox = f"http://127.0.0.1:{port}"
    settings = {
        "PULSE_SANDBOX_PORT": str(port),
        "PULSE_SANDBOX_CALLBACK_DELAY_MS": "50",
        "PULSE_SES_REGION": "eu-west-1",
        "PULSE_SES_BASE_URL": sandbox,
        "PULSE_SES_CONFIGURATION_SET": "pulse",
        "PULSE_SES_EVENT_TOPICS": TOPIC,
        "PULSE_SES_EVENT_BASE_URL": sandbox,
        "PULSE_AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "PULSE_AWS_SECRET_ACCESS_KEY": "development",
        "PULSE_ROUTER_EMAIL_ROUTE": "ses",
    }
    with running(tmp_path_factory.mktemp("by_ses"), **settings) as suite:
        subscribe(suite)
        yield suite


def subscribe(suite: Suite) -> None:
    """Returns once the subscription was confirmed, which an email shows: it is delivered."""
    endpoint = str(suite.rest.base_url.join("/callbacks/ses"))
    form = {"Action": "Subscribe", "TopicArn": TOPIC, "Protocol": "http", "Endpoint": endpoint}
    answer = suite.sandbox.post("/", data=form, headers={"Authorization": AUTHORIZATION})
    assert "pending confirmation" in answer.text

    sent: list[str] = []

    def is_told() -> bool:
        sent.append(send(suite, "welcome_email"))
        return any(told(suite, one)["status"] == "DELIVERED" for one in sent)

    wait_until(is_told)


def simulator(kind: str) -> str:
    """An address of SES's mailbox simulator that nothing else uses."""
    return f"{kind}+{uuid.uuid4().hex[:10]}@simulator.amazonses.com"


def suppressions(suite: Suite, user: str) -> list[dict[str, Any]]:
    return list(suite.rest.get(f"/v1/recipients/{user}/suppressions").json()["suppressions"])


def test_whoever_complains_gets_no_more(by_ses: Suite) -> None:
    user, to = new("user"), simulator("complaint")
    sent = send(by_ses, "welcome_email", user_id=user, to=to)
    wait_until(lambda: suppressions(by_ses, user))
    notification = told(by_ses, sent)
    assert notification["status"] == "DELIVERED"
    assert reasons(notification, "receipt") == ["DELIVERED: ses reported it", "SENT: ses reported it"]
    *_, complaint = events(notification, "RECEIPT")
    assert (complaint["status"], complaint["failure"]["code"]) == ("DELIVERED", "COMPLAINT")
    assert complaint["failure"]["message"] == "the recipient called it spam (abuse)"
    (suppression,) = suppressions(by_ses, user)
    assert (suppression["reason"], suppression["channel"], suppression["address"]) == ("COMPLAINT", "EMAIL", to)

    after = send(by_ses, make_template(by_ses, "newsletter"), user_id=user, to=to)
    assert settled(by_ses, after)["status"] == "SUPPRESSED"
    assert by_ses.receipts(after) == []
    elsewhere = send(by_ses, "welcome_email", user_id=user, to=simulator("success"))
    wait_until(lambda: told(by_ses, elsewhere)["status"] == "DELIVERED")


def test_a_mailbox_that_does_not_exist_is_suppressed_for_its_bounce(by_ses: Suite) -> None:
    user, to = new("user"), simulator("bounce")
    sent = send(by_ses, "welcome_email", user_id=user, to=to)
    wait_until(lambda: told(by_ses, sent)["status"] == "UNDELIVERED")
    assert told(by_ses, sent)["failure"]["code"] == "BOUNCE_PERMANENT"
    assert [one["reason"] for one in suppressions(by_ses, user)] == ["BOUNCE"]


def test_a_forged_complaint_changes_nothing(by_ses: Suite) -> None:
    user = new("user")
    sent = send(by_ses, "welcome_email", user_id=user)
    wait_until(lambda: told(by_ses, sent)["status"] == "DELIVERED")
    before = told(by_ses, sent)
    complaint = {"eventType": "Complaint", "complaint": {}, "mail": {"messageId": "1", "tags": tags(sent)}}
    signed_by_nobody = {
        "Type": "Notification",
        "MessageId": "1",
        "TopicArn": TOPIC,
        "Message": json.dumps(complaint),
        "Timestamp": "2026-01-02T00:00:00.000Z",
        "SignatureVersion": "2",
        "Signature": "AAAA",
        "SigningCertURL": f"{by_ses.sandbox.base_url}SimpleNotificationService-0a.pem",
    }
    changed = {"SigningCertURL": "http://169.254.169.254/SimpleNotificationService-0a.pem"}
    assert reason(post(by_ses, signed_by_nobody)) == (403, "BAD_SIGNATURE")
    assert reason(post(by_ses, {**signed_by_nobody, **changed})) == (403, "BAD_SIGNATURE")
    assert reason(post(by_ses, {**signed_by_nobody, "TopicArn": f"{TOPIC}2"})) == (403, "UNKNOWN_TOPIC")
    assert reason(post(by_ses, {})) == (400, "BAD_MESSAGE")
    assert told(by_ses, sent) == before
    assert suppressions(by_ses, user) == []


def tags(notification_id: str) -> dict[str, list[str]]:
    """Those of the default tenant's emails."""
    return {"pulse_notification_id": [notification_id], "pulse_tenant": ["ZGVmYXVsdA"]}


def post(suite: Suite, message: dict[str, str]) -> httpx.Response:
    headers = {"Content-Type": "text/plain; charset=UTF-8"}
    return suite.rest.post("/callbacks/ses", content=json.dumps(message), headers=headers)


def reason(answer: httpx.Response) -> tuple[int, str]:
    found = re.search(r'"reason": ?"([A-Z_]+)"', answer.text)
    assert found is not None, answer.text
    return answer.status_code, found[1]
