"""Unsubscribing: a mail's own link, followed over the edge, ends mails of its category and of no other."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.e2e.notifications import mail_address, make_template, new, put_faults, reasons, send, settled, told
from tests.e2e.suite import Suite


def link_of(receipt: dict[str, Any]) -> str:
    """The mail's one-click link (RFC 8058)."""
    assert receipt["data"]["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    return str(receipt["data"]["list-unsubscribe"]).removeprefix("<").removesuffix(">")


def test_a_mail_carries_a_link_that_ends_mails_of_its_category_and_no_others(suite: Suite) -> None:
    whom = {"user_id": new("user"), "to": mail_address()}
    category, other = new("c"), new("c")
    template = make_template(suite, category)
    link = link_of(suite.until_arrived(send(suite, template, **whom)))
    assert link.startswith(str(suite.rest.base_url)), "it leads to this suite's edge"

    page = httpx.get(link)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    suite.until_arrived(send(suite, template, **whom))  # looking at the page changes nothing
    for _ in range(2):
        assert httpx.post(link, data={"List-Unsubscribe": "One-Click"}).status_code == 200

    stopped = told(suite, send(suite, template, **whom))
    assert stopped["status"] == "SUPPRESSED"
    assert reasons(stopped, "suppression") == ["SUPPRESSED: the recipient unsubscribed"]
    assert suite.receipts(stopped["notification_id"]) == []
    suite.until_arrived(send(suite, make_template(suite, other), **whom))
    assert [one["category"] for one in suppressions(suite, whom["user_id"])] == [category]


def test_a_critical_mail_carries_no_link_and_passes_an_unsubscription(suite: Suite) -> None:
    whom = {"user_id": new("user"), "to": mail_address()}
    body = {"channel": "email", "category": "security", "reason": "UNSUBSCRIBE"}
    assert suite.rest.post(f"/v1/recipients/{whom['user_id']}/suppressions", json=body).status_code == 200
    receipt = suite.until_arrived(send(suite, make_template(suite, "security"), **whom))
    assert receipt["data"] == {}


def test_what_was_set_by_hand_holds_for_critical_mails_too_until_it_is_lifted(suite: Suite) -> None:
    whom = {"user_id": new("user"), "to": mail_address()}
    path = f"/v1/recipients/{whom['user_id']}/suppressions"
    kept = suite.rest.post(path, json={"channel": "email"}).json()
    template = make_template(suite, "security")
    stopped = told(suite, send(suite, template, **whom))
    assert (stopped["status"], reasons(stopped, "suppression")) == (
        "SUPPRESSED",
        ["SUPPRESSED: it was suppressed by hand"],
    )
    assert suite.rest.delete(f"{path}/{kept['suppression_id']}").status_code == 200
    suite.until_arrived(send(suite, template, **whom))


def test_a_recipient_who_said_stop_to_the_provider_is_asked_no_more(suite: Suite) -> None:
    whom = {"user_id": new("user"), "to": "+14155550177", "channel": "sms"}
    put_faults(suite, {"provider": "twilio", "match": whom["to"], "action": "status", "value": 21610, "times": 1})
    assert settled(suite, send(suite, "welcome_email", **whom))["failure"]["code"] == "21610"
    assert told(suite, send(suite, "welcome_email", **whom))["status"] == "SUPPRESSED"
    (kept,) = suppressions(suite, whom["user_id"])
    assert (kept["channel"], kept["address"], kept["reason"]) == ("SMS", whom["to"], "UNSUBSCRIBE")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_link_that_is_not_ours_does_nothing(suite: Suite, method: str) -> None:
    answer = suite.rest.request(method, "/unsubscribe/-JNFesqhJzneYdrNtJ")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/html; charset=utf-8")


def suppressions(suite: Suite, user_id: str) -> list[dict[str, Any]]:
    return list(suite.rest.get(f"/v1/recipients/{user_id}/suppressions").json()["suppressions"])
