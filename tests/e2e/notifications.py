"""Notifications as their sender sees them: made by REST, followed by their timelines."""

from __future__ import annotations

import uuid
from typing import Any

import httpx

from proof.waiting import wait_until
from tests.e2e.suite import Suite

#: Where what is on its way may stand.
ON_ITS_WAY = frozenset({"QUEUED", "SENDING", "RETRYING"})


def new(kind: str) -> str:
    """A name that nothing else has."""
    return f"{kind}_{uuid.uuid4().hex[:10]}"


def mail_address() -> str:
    """A mailbox of its own."""
    return f"{uuid.uuid4().hex[:12]}@example.com"


def phone_number() -> str:
    """A number of its own, in a country that may be sent to."""
    return f"+1415{uuid.uuid4().int % 9_000_000 + 1_000_000}"


def make_template(suite: Suite, category: str = "", **fields: Any) -> str:
    """A template of its own, by mail unless said otherwise; returns its name."""
    name = new("t")
    contents = [{"subject": "Hello", "body": "Hi {{ name }}"}]
    body = {"name": name, "channel": "email", "category": category, "contents": contents, **fields}
    answer = suite.rest.post("/v1/templates", json=body)
    assert answer.status_code == 200, answer.text
    return name


def post(suite: Suite, template: str, **fields: Any) -> httpx.Response:
    """Sends to a user and a mailbox of their own unless said otherwise."""
    body = {"user_id": new("user"), "template_name": template, "context": {"name": "Ann", "code": "1"}}
    to = {} if "channel" in fields else {"to": mail_address()}
    return suite.rest.post("/v1/notifications", json={**body, **to, **fields})


def send(suite: Suite, template: str, **fields: Any) -> str:
    """Sends likewise, and expects it to be accepted; returns the id."""
    answer = post(suite, template, **fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["notification_id"])


def told(suite: Suite, notification_id: str) -> dict[str, Any]:
    """The notification with its timeline."""
    answer = suite.rest.get(f"/v1/notifications/{notification_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def settled(suite: Suite, notification_id: str) -> dict[str, Any]:
    """The notification, once it is no longer on its way."""
    wait_until(lambda: told(suite, notification_id)["status"] not in ON_ITS_WAY)
    return told(suite, notification_id)


def events(notification: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The events of one kind in its timeline."""
    return [event for event in notification["timeline"] if event["kind"] == kind]


def reasons(notification: dict[str, Any], rule: str) -> list[str]:
    """What one rule said, over the whole timeline."""
    decisions = [one for event in notification["timeline"] for one in event["decisions"]]
    return [f"{one['result']}: {one['reason']}" for one in decisions if one["rule"] == rule]


def providers(suite: Suite, notification_id: str) -> list[str]:
    """Who took it over, one for each time."""
    return [receipt["provider"] for receipt in suite.receipts(notification_id)]


def put_faults(suite: Suite, *faults: dict[str, Any]) -> None:
    """What the sandbox's providers do wrong from now on."""
    answer = suite.sandbox.put("/api/faults", json=list(faults))
    assert answer.status_code == 200, answer.text
