"""Senders by REST and gRPC, from their registration to the mail that a recipient gets."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from proof.waiting import wait_until
from pulse.common.v1.enums_pb2 import EMAIL, SENT
from pulse.common.v1.sender_pb2 import Sender
from pulse.gateway.v1 import notification_service_pb2 as api
from pulse.gateway.v1.notification_service_pb2_grpc import NotificationServiceStub
from pulse.gateway.v1.sender_service_pb2 import CreateSenderRequest, DeleteSenderRequest
from pulse.gateway.v1.sender_service_pb2_grpc import SenderServiceStub
from tests.e2e.notifications import mail_address, make_template, new, phone_number, post, reasons, send, told
from tests.e2e.suite import Suite


@pytest.fixture
def channel(suite: Suite) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(suite.grpc_address) as opened:
        yield opened


def register(suite: Suite, **fields: Any) -> str:
    """One of its own; returns its name."""
    body = {"name": new("sender"), "channel": "email", "address": mail_address(), **fields}
    answer = suite.rest.post("/v1/senders", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["name"])


def whole(suite: Suite, receipt: dict[str, Any]) -> Any:
    """The email as the mail server got it, read by the standard library."""
    content = suite.sandbox.get(receipt["request"]["message"]).content
    return email.message_from_bytes(content, policy=email.policy.default)


def test_an_email_comes_from_whom_request_or_template_names(suite: Suite) -> None:
    orders = register(suite, address="orders@example.com", display_name="Zoë’s Orders", reply_to="help@example.com")
    billing = register(suite, address="billing@example.com", display_name="Billing, Inc.")
    contents = [{"subject": "Order", "body": "Hi {{ name }}", "sender": orders}]
    template = make_template(suite, contents=contents)
    notification_id = send(suite, template)
    receipt = suite.until_arrived(notification_id)
    message = whole(suite, receipt)
    assert receipt["request"]["from"] == "orders@example.com"
    assert str(message["From"]) == "Zoë’s Orders <orders@example.com>"
    assert str(message["Reply-To"]) == "help@example.com"
    assert reasons(told(suite, notification_id), "sender") == [f"{orders}: EMAIL: the template names it"]
    notification_id = send(suite, template, sender=billing)
    receipt = suite.until_arrived(notification_id)
    message = whole(suite, receipt)
    assert (receipt["request"]["from"], str(message["From"]), message["Reply-To"]) == (
        "billing@example.com",
        '"Billing, Inc." <billing@example.com>',
        None,
    )
    assert reasons(told(suite, notification_id), "sender") == [f"{billing}: EMAIL: the request names it"]


def test_what_was_accepted_keeps_the_sender_as_it_was(suite: Suite) -> None:
    name = register(suite, address="before@example.com")
    notification_id = send(suite, make_template(suite), sender=name)
    later = post(suite, make_template(suite), sender=name, send_at="2027-01-01T00:00:00Z").json()["notification_id"]
    changed = suite.rest.put(f"/v1/senders/{name}", json={"channel": "EMAIL", "address": "after@example.com"})
    assert (changed.status_code, changed.json()["address"]) == (200, "after@example.com")
    assert suite.until_arrived(notification_id)["request"]["from"] == "before@example.com"
    assert suite.rest.delete(f"/v1/senders/{name}").status_code == 200
    assert told(suite, later)["status"] == "SCHEDULED"
    assert post(suite, make_template(suite), sender=name).status_code == 403


def test_an_sms_comes_from_whom_the_request_names(suite: Suite) -> None:
    name = register(suite, channel="sms", address="ACME")
    template = make_template(suite, channel="sms", contents=[{"body": "Hi {{ name }}"}])
    receipt = suite.until_arrived(send(suite, template, channel="sms", to=phone_number(), sender=name))
    assert receipt["request"]["From"] == "ACME"


def test_refusals_say_why(suite: Suite) -> None:
    template, text = make_template(suite), register(suite, channel="sms", address="ACME")
    for fields, status, reason in (
        ({"sender": "ghost"}, 403, "SENDER_UNKNOWN"),
        ({"sender": "ceo@example.com"}, 403, "SENDER_UNKNOWN"),
        ({"sender": text}, 400, "SENDER_WRONG_CHANNEL"),
        ({"sender": "a\r\nBcc: x@example.com"}, 400, "CONTROL_CHARACTER"),
    ):
        answer = post(suite, template, **fields)
        assert (answer.status_code, reason in answer.text) == (status, True), answer.text
    for fields, reason in (
        ({"address": "a@example.com\r\nBcc: x@example.com"}, "ADDRESS_CONTROL_CHARACTER"),
        ({"display_name": "A\nB"}, "CONTROL_CHARACTER"),
        ({"channel": "push", "address": "x"}, "SENDER_CHANNEL"),
    ):
        body = {"name": new("s"), "channel": "email", "address": mail_address(), **fields}
        answer = suite.rest.post("/v1/senders", json=body)
        assert (answer.status_code, reason in answer.text) == (400, True), answer.text
    used = register(suite)
    naming = make_template(suite, contents=[{"subject": "s", "body": "b", "sender": used}])
    answer = suite.rest.delete(f"/v1/senders/{used}")
    assert (answer.status_code, "SENDER_IN_USE" in answer.text, naming in answer.text) == (400, True, True)


def test_the_same_goes_by_grpc(suite: Suite, channel: grpc.Channel) -> None:
    senders, notifications = SenderServiceStub(channel), NotificationServiceStub(channel)
    name, to = new("sender"), mail_address()
    senders.CreateSender(
        CreateSenderRequest(sender=Sender(name=name, channel=EMAIL, address="grpc@example.com", display_name="gRPC"))
    )
    request = api.SendNotificationRequest(user_id=new("user"), template_name="welcome_email", to=to, sender=name)
    request.context.update({"name": "Ann"})
    notification_id = notifications.SendNotification(request).notification_id
    asked = api.GetNotificationRequest(notification_id=notification_id)
    wait_until(lambda: notifications.GetNotification(asked).status == SENT)
    [receipt] = suite.receipts(notification_id)
    assert str(whole(suite, receipt)["From"]) == "gRPC <grpc@example.com>"
    senders.DeleteSender(DeleteSenderRequest(name=name))
    request.user_id = new("user")
    with pytest.raises(grpc.RpcError) as refused:
        notifications.SendNotification(request)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_copies_reach_their_recipients_and_the_blind_ones_unseen(suite: Suite) -> None:
    gone, to, cc, bcc = (mail_address() for _ in range(4))
    kept = suite.rest.post(
        f"/v1/recipients/{new('user')}/suppressions", json={"channel": "email", "address": gone, "reason": "MANUAL"}
    )
    assert kept.status_code == 200, kept.text
    notification_id = send(suite, make_template(suite), to=to, email={"cc": [cc, gone.upper()], "bcc": [bcc, to]})
    wait_until(lambda: told(suite, notification_id)["status"] == "SENT")
    receipts = suite.receipts(notification_id)
    assert sorted(one["to"] for one in receipts) == sorted([to, cc, bcc])
    message = whole(suite, receipts[0])
    assert (str(message["To"]), str(message["Cc"]), message["Bcc"]) == (to, cc, None)
    assert bcc not in message.as_string()
    assert reasons(told(suite, notification_id), "copy") == ["SUPPRESSED: cc 2: it was suppressed by hand"]
    answer = post(suite, make_template(suite), email={"cc": [mail_address() for _ in range(21)]})
    assert (answer.status_code, "TOO_MANY_COPIES" in answer.text) == (400, True), answer.text


def test_a_copy_that_was_suppressed_after_its_email_was_accepted_is_not_sent(suite: Suite) -> None:
    to, cc = mail_address(), mail_address()
    soon = (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=3)).isoformat()
    notification_id = send(suite, make_template(suite), to=to, email={"cc": [cc]}, send_at=soon)
    path, body = f"/v1/recipients/{new('user')}/suppressions", {"channel": "email", "address": cc, "reason": "MANUAL"}
    assert suite.rest.post(path, json=body).status_code == 200
    wait_until(lambda: told(suite, notification_id)["status"] == "SENT")
    assert [one["to"] for one in suite.receipts(notification_id)] == [to]
    assert reasons(told(suite, notification_id), "copy") == ["SUPPRESSED: cc 1: it was suppressed by hand"]
