"""Limits: changed while everything runs, and refusals that say which, how much and when to come back."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from proof.local_run import pulse
from proof.waiting import wait_until
from tests.e2e.notifications import events, make_template, new, phone_number, post, told
from tests.e2e.suite import Suite

#: What is set counts everywhere within this time, s.
EFFECT_S = 5.0


@pytest.fixture
def template(suite: Suite) -> Iterator[str]:
    """A template; what limits it is lifted afterwards."""
    name = make_template(suite)
    yield name
    suite.rest.delete(f"/v1/operations/limits/user_channel:{name}")


def policy(answer: httpx.Response) -> str:
    return str(answer.headers["ratelimit-policy"])


def details(answer: httpx.Response) -> dict[str, dict[str, Any]]:
    """The details of an error, by the last part of their type."""
    return {detail["@type"].rpartition(".")[2]: detail for detail in answer.json()["details"]}


def test_a_limit_set_by_the_command_counts_within_seconds_and_its_refusal_says_all(suite: Suite, template: str) -> None:
    done = pulse(suite.home, "limits", "set", "user_channel", "2", "--per", "30s", "--subject", template)
    assert done.returncode == 0, done.stderr
    wait_until(lambda: policy(post(suite, template)) == '"user_channel";q=2;w=30', timeout=EFFECT_S)

    user = new("user")
    admitted = [post(suite, template, user_id=user) for _ in range(2)]
    assert [answer.headers["ratelimit"].partition(";t=")[0] for answer in admitted] == [
        '"user_channel";r=1',
        '"user_channel";r=0',
    ]
    refused = post(suite, template, user_id=user)
    assert (refused.status_code, policy(refused)) == (429, '"user_channel";q=2;w=30')
    assert refused.headers["ratelimit"].startswith('"user_channel";r=0;t=')
    assert 25 <= int(refused.headers["retry-after"]) <= 31
    found = details(refused)
    assert found["ErrorInfo"]["reason"] == "RATE_LIMITED"
    assert found["ErrorInfo"]["metadata"]["amount"] == "2"
    (violation,) = found["QuotaFailure"]["violations"]
    assert (violation["subject"], violation["quota_value"]) == ("user_channel", "2")
    assert violation["description"] == "2 per 30 s for this user, channel and template"
    assert 25 <= float(found["RetryInfo"]["retry_delay"].removesuffix("s")) <= 31
    assert "2 per 30 s" in reasons_of_admission(suite, admitted[0])


def test_a_limit_deleted_by_rest_counts_no_more_within_seconds(suite: Suite, template: str) -> None:
    limit_to_one(suite, template)
    user = new("user")
    assert [post(suite, template, user_id=user).status_code for _ in range(2)] == [200, 429]
    listed = suite.rest.get("/v1/operations/limits").json()["limits"]
    (kept,) = [one for one in listed if one["subject"] == template]
    assert (kept["limit_id"], kept["amount"], kept["window"]) == (f"user_channel:{template}", "1", "3600s")
    assert suite.rest.delete(f"/v1/operations/limits/{kept['limit_id']}").status_code == 200
    wait_until(lambda: post(suite, template, user_id=user).status_code == 200, timeout=EFFECT_S)


def test_what_a_template_may_leaves_other_templates_alone(suite: Suite, template: str) -> None:
    limit_to_one(suite, template)
    user = new("user")
    assert [post(suite, template, user_id=user).status_code for _ in range(2)] == [200, 429]
    other = post(suite, "welcome_email", user_id=user)
    assert (other.status_code, policy(other)) == (200, '"user_channel";q=10;w=60')


def test_a_repeated_key_is_answered_where_a_new_request_is_refused(suite: Suite, template: str) -> None:
    limit_to_one(suite, template)
    request = {"user_id": new("user"), "to": "ann@example.com", "idempotency_key": str(uuid.uuid4())}
    first, second = post(suite, template, **request), post(suite, template, **request)
    assert (first.status_code, second.status_code) == (200, 200)
    assert second.json()["replayed"]
    assert second.json()["notification_id"] == first.json()["notification_id"]
    assert post(suite, template, user_id=request["user_id"]).status_code == 429


def test_the_originals_send_is_refused_in_the_same_words(suite: Suite) -> None:
    user = new("user")
    answers = [suite.send(user_id=user) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [202] * 10 + [429]
    assert policy(answers[-1]) == '"user_channel";q=10;w=60'
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 61


def test_sms_to_a_prefix_denied_by_default_goes_once_somebody_allows_it(suite: Suite) -> None:
    sms = {"channel": "sms", "to": "+882123456789"}
    refused = post(suite, "otp_sms", **sms)
    assert (refused.status_code, details(refused)["ErrorInfo"]["reason"]) == (403, "SMS_PREFIX_DENIED")
    assert "sms_prefix:+882" in details(refused)["ErrorInfo"]["metadata"]["hint"]
    assert post(suite, "otp_sms", channel="sms", to=phone_number()).status_code == 200
    try:
        allowed = {"kind": "sms_prefix", "subject": "+882", "amount": 1}
        assert suite.rest.post("/v1/operations/limits", json=allowed).status_code == 200
        wait_until(lambda: post(suite, "otp_sms", **sms).status_code == 200, timeout=EFFECT_S)
    finally:
        assert suite.rest.delete("/v1/operations/limits/sms_prefix:+882").status_code == 200
    wait_until(lambda: post(suite, "otp_sms", **sms).status_code == 403, timeout=EFFECT_S)


def test_what_is_above_a_providers_throughput_waits_its_turn_and_is_not_refused(suite: Suite) -> None:
    limit = {"kind": "provider", "subject": "fcm", "amount": 4, "window": "1s"}
    assert suite.rest.post("/v1/operations/limits", json=limit).status_code == 200
    try:
        wait_until(lambda: "4 per 1 s" in reasons_of_admission(suite, push(suite)), timeout=EFFECT_S)
        sent = [push(suite).json()["notification_id"] for _ in range(8)]
        wait_until(lambda: all(suite.receipts(one) for one in sent))
    finally:
        assert suite.rest.delete("/v1/operations/limits/provider:fcm").status_code == 200
    times = sorted(dt.datetime.fromisoformat(suite.receipts(one)[0]["received_at"]) for one in sent)
    assert times[-1] - times[0] > dt.timedelta(seconds=1), "eight at four a second take longer than one"
    assert {told(suite, one)["attempt_count"] for one in sent} == {1}


def push(suite: Suite) -> httpx.Response:
    return post(suite, "welcome_push", channel="push", to=new("token"))


def limit_to_one(suite: Suite, template: str) -> None:
    """One notification of the template an hour for each user, by now everywhere."""
    limit = {"kind": "user_channel", "subject": template, "amount": 1, "window": "3600s"}
    assert suite.rest.post("/v1/operations/limits", json=limit).status_code == 200
    wait_until(lambda: policy(post(suite, template)) == '"user_channel";q=1;w=3600', timeout=EFFECT_S)


def reasons_of_admission(suite: Suite, answer: httpx.Response) -> str:
    """What the timeline says of the limits that it was within."""
    (accepted,) = events(told(suite, answer.json()["notification_id"]), "ACCEPTED")
    return str([decision["reason"] for decision in accepted["decisions"] if decision["rule"] == "limit"])
