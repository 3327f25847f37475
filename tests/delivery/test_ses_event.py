"""What an event of SES says of a notification."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from services.delivery.providers.ses import event as ses_event
from services.delivery.providers.ses import tags
from services.delivery.rules.provider import Rejection

ID = str(uuid.UUID(int=7))
HARD = {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": [{"status": "5.1.1"}]}
LISTED = "OnAccountSuppressionList"


def event(kind: str, *, tenant: str = "default", mail: Any = None, **more: Any) -> str:
    """An event about one of Pulse's emails."""
    named = {tag["Name"]: [tag["Value"]] for tag in tags.tags(tenant, ID)}
    about = {"messageId": "0102-000000", "tags": {"ses:configuration-set": ["pulse"], **named}}
    return json.dumps({"eventType": kind, "mail": about if mail is None else mail, **more})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (event("Delivery"), [("DELIVERED", "", None)]),
        (event("Bounce", bounce=HARD), [("UNDELIVERED", "BOUNCE_PERMANENT", Rejection.GONE)]),
        (event("Bounce", bounce={"bounceType": "Transient"}), [("UNDELIVERED", "BOUNCE_TRANSIENT", None)]),
        (event("Bounce", bounce={"bounceType": "Undetermined"}), [("UNDELIVERED", "BOUNCE_UNDETERMINED", None)]),
        (event("Bounce"), [("UNDELIVERED", "BOUNCE_UNDETERMINED", None)]),
        (
            event("Complaint", complaint={"complaintFeedbackType": "abuse"}),
            [("DELIVERED", "", None), ("SENT", "COMPLAINT", Rejection.COMPLAINED)],
        ),
        (event("Complaint"), [("DELIVERED", "", None), ("SENT", "COMPLAINT", Rejection.COMPLAINED)]),
        (
            event("Complaint", complaint={"complaintSubType": LISTED}),
            [("UNDELIVERED", "COMPLAINT", Rejection.COMPLAINED)],
        ),
        (event("Complaint", complaint={"complaintFeedbackType": "not-spam"}), []),
        (event("Reject", reject={"reason": "Bad content"}), [("UNDELIVERED", "REJECTED", None)]),
        *((event(kind), []) for kind in ("Send", "Open", "Click", "DeliveryDelay", "Rendering Failure", "")),
        ("Successfully validated SNS topic for Amazon SES event publishing.", []),
        ("[]", []),
        ("[" * 100_000, []),
        ('{"eventType": ["Delivery"]}', []),
    ],
)
def test_an_event_becomes_receipts(text: str, told: list[tuple[str, str, Rejection | None]]) -> None:
    receipts = ses_event.read(text)
    assert [(receipt.status, receipt.failure_code, receipt.rejection) for receipt in receipts] == told
    for receipt in receipts:
        assert (receipt.tenant_id, receipt.notification_id) == ("default", ID)
        assert (receipt.provider, receipt.provider_message_id) == ("ses", "0102-000000")


@pytest.mark.parametrize("tenant", ["default", "a/b", "Größe ☃", "x" * 100])
def test_any_tenant_is_found_again(tenant: str) -> None:
    (receipt,) = ses_event.read(event("Delivery", tenant=tenant))
    assert receipt.tenant_id == tenant


@pytest.mark.parametrize(
    "mail",
    [
        {},
        [],
        {"messageId": "1"},
        {"messageId": "1", "tags": []},
        {"messageId": "1", "tags": {"pulse_notification_id": [ID]}},
        {"messageId": "1", "tags": {"pulse_notification_id": [ID, ID], "pulse_tenant": ["ZGVmYXVsdA"]}},
        {"messageId": "1", "tags": {"pulse_notification_id": ["no id"], "pulse_tenant": ["ZGVmYXVsdA"]}},
        {"messageId": "1", "tags": {"pulse_notification_id": [f"{{{ID}}}"], "pulse_tenant": ["ZGVmYXVsdA"]}},
        {"messageId": "1", "tags": {"pulse_notification_id": [ID], "pulse_tenant": [1]}},
        {"messageId": "1", "tags": {"pulse_notification_id": [ID], "pulse_tenant": ["_w"]}},
        {"messageId": "1", "tags": {"pulse_notification_id": [ID], "pulse_tenant": ["é"]}},
        {"tags": {"pulse_notification_id": [ID], "pulse_tenant": ["ZGVmYXVsdA"]}},
    ],
)
def test_an_event_about_another_email_says_nothing(mail: Any) -> None:
    assert ses_event.read(event("Delivery", mail=mail)) == []


def test_a_name_that_no_tag_can_hold_is_left_out() -> None:
    assert [tag["Name"] for tag in tags.tags("x" * 300, ID)] == ["pulse_notification_id"]


def test_what_is_kept_names_no_address() -> None:
    bounced = [
        {"emailAddress": "ada@example.org", "status": "5.1.1", "diagnosticCode": "550 <ada@example.org> unknown"}
    ]
    (receipt,) = ses_event.read(event("Bounce", bounce={**HARD, "bouncedRecipients": bounced}))
    assert receipt.failure_message == "SES reports a bounce: Permanent (General, 5.1.1)"
    misspelt = {**HARD, "bouncedRecipients": [{"status": "5.1.1.20"}]}
    (receipt,) = ses_event.read(event("Bounce", bounce=misspelt))
    assert receipt.failure_message == "SES reports a bounce: Permanent (General)"
    odd = {"bounceType": "Permanent", "bounceSubType": "ada@example.org", "bouncedRecipients": ["ada@example.org"]}
    (receipt,) = ses_event.read(event("Bounce", bounce=odd))
    assert receipt.failure_message == "SES reports a bounce: Permanent"


@pytest.mark.parametrize(
    ("sub_type", "status", "gone"),
    [
        ("General", "5.1.1", True),
        ("General", "5.0.0", True),
        ("General", "5.4.4", True),
        ("NoEmail", "", True),
        ("General", "5.7.1", False),  # policy, or a sender that is not welcome
        ("General", "5.7.26", False),
        ("General", "5.6.1", False),
        ("General", "5.3.4", False),
        ("General", "5.1.8", False),
        ("General", "5.2.2", False),  # full today
        ("Suppressed", "5.7.1", True),
        ("OnAccountSuppressionList", "5.7.1", True),
    ],
)
def test_a_permanent_bounce_for_the_emails_sake_suppresses_nobody(sub_type: str, status: str, gone: bool) -> None:
    bounce = {"bounceType": "Permanent", "bounceSubType": sub_type, "bouncedRecipients": [{"status": status}]}
    (receipt,) = ses_event.read(event("Bounce", bounce=bounce))
    assert (receipt.rejection is Rejection.GONE) is gone
