"""Bad input over REST gets a clear error in JSON with a reason, and nothing is half-done."""

from __future__ import annotations

import json
import socket
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest

from proof.waiting import wait_until
from tests.e2e.suite import Suite

SEND = "/v1/notifications"
ORIGINAL_SEND = "/api/notifications/send/"
JSON = {"Content-Type": "application/json"}


def sending(**fields: Any) -> bytes:
    body = {"user_id": "bad", "template_name": "welcome_email", "to": "ann@example.com", "context": {"name": "Ann"}}
    return json.dumps({**body, **fields}).encode()


def with_context(value: str) -> bytes:
    """A send whose context holds ``value`` to the letter."""
    return sending().replace(b'"Ann"', value.encode())


NO_LIQUID = b'{"name": "x", "channel": "EMAIL", "contents": [{"body": "{{"}]}'


@dataclass(frozen=True)
class Case:
    """A request, and the answer it must get."""

    name: str
    status: int
    reason: str
    body: bytes = field(default_factory=sending)
    path: str = SEND
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = ()
    mentions: str = ""


def key(value: str) -> tuple[tuple[str, str], ...]:
    return (("Idempotency-Key", value),)


CASES = [
    # JSON that is none, or says what no field can hold
    Case("no JSON", 400, "MALFORMED_REQUEST", b"{not json"),
    Case("empty body", 400, "INVALID_FIELDS", b"", mentions="user_id"),
    Case("a number beyond all floats", 400, "", with_context("1e400")),
    Case("NaN", 400, "MALFORMED_REQUEST", with_context("NaN")),
    Case("a lone surrogate", 400, "", with_context('"\\ud800"')),
    Case("an array for an object", 400, "MALFORMED_REQUEST", b"[]"),
    Case("a field of the wrong kind", 400, "", sending(context=[1])),
    Case(
        "a misspelt required field", 400, "UNKNOWN_FIELD", sending().replace(b"user_id", b"userid"), mentions="userid"
    ),
    Case("an unknown enum name", 400, "", sending(channel="FAX")),
    Case("an unknown enum number", 400, "INVALID_FIELDS", sending(channel=9), mentions="channel"),
    Case("NUL in a string", 400, "INVALID_FIELDS", sending(user_id="a\0b"), mentions="user_id"),
    # times
    Case("a past date", 400, "", sending(send_at="2001-01-01T00:00:00Z"), mentions="send_at"),
    Case("the year 10000", 400, "", sending(send_at="10000-01-01T00:00:00Z")),
    Case("a local time, which a gap may swallow", 400, "", sending(send_at="2027-03-28T02:30:00")),
    Case("ten years ahead", 400, "", sending(send_at="2036-01-01T00:00:00Z"), mentions="send_at"),
    Case("an expiry both ways", 400, "INVALID_FIELDS", sending(ttl="5s", expires_at="2027-01-01T00:00:00Z")),
    Case("no time to live", 400, "INVALID_FIELDS", sending(ttl="0s"), mentions="ttl"),
    # idempotency keys
    Case("an empty key", 400, "", headers=key(""), mentions="dempotency"),
    Case("a key of 256 characters", 400, "", headers=key("k" * 256), mentions="dempotency"),
    Case("a key with a space", 400, "", headers=key("a b"), mentions="dempotency"),
    Case("two keys", 400, "", headers=(*key("a"), *key("b")), mentions="dempotency"),
    Case(
        "a key that contradicts itself", 400, "", sending(idempotency_key="x"), headers=key("y"), mentions="dempotency"
    ),
    # addresses
    Case("two recipients in one", 400, "", sending(to="a@example.com,b@example.com"), mentions="to"),
    Case("a line break in the address", 400, "", sending(to="a@example.com\r\nBcc: b@example.com"), mentions="to"),
    Case("a line break in the subject", 400, "INVALID_FIELDS", sending(subject="x\r\nBcc: b@example.com")),
    Case("a number that is none", 400, "", sending(channel="SMS", to="12345"), mentions="to"),
    Case("a premium-rate number", 400, "", sending(channel="SMS", to="+19005551234"), mentions="to"),
    Case("a domain in mixed scripts", 400, "", sending(to="a@ex\u0430mple.com"), mentions="to"),
    # templates
    Case("a template nobody made", 404, "TEMPLATE_NOT_FOUND", sending(template_name="nope")),
    Case("a missing variable", 400, "MISSING_VARIABLE", sending(context={}), mentions="name"),
    Case("a template that is no Liquid", 400, "", NO_LIQUID, "/v1/templates"),
    # paths, queries
    Case("an unknown query parameter", 400, "", b"", SEND + "?nope=1", "GET"),
    Case("a page of -1", 400, "INVALID_FIELDS", b"", SEND + "?page_size=-1", "GET"),
    Case("a page of abc", 400, "", b"", SEND + "?page_size=abc", "GET"),
    Case("a page token that is none", 400, "INVALID_PAGE_TOKEN", b"", SEND + "?page_token=zzz", "GET"),
    Case("the original's limit of -1", 400, "", b"", "/api/notifications/list/?limit=-1", "GET", mentions="limit"),
    Case("the original's limit of abc", 400, "", b"", "/api/notifications/list/?limit=abc", "GET", mentions="limit"),
    Case(
        "the original's unknown status", 400, "", b"", "/api/notifications/list/?status=lost", "GET", mentions="status"
    ),
    Case("an id that is none", 400, "INVALID_FIELDS", b"", SEND + "/42", "GET", mentions="notification_id"),
    Case("an id nobody has", 404, "NOTIFICATION_NOT_FOUND", b"", f"{SEND}/{uuid.UUID(int=1)}", "GET"),
    Case("an encoded slash", 400, "", b"", SEND + "/a%2Fb", "GET"),
    Case("a guessed gRPC path", 404, "UNKNOWN_PATH", b"{}", "/pulse.ledger.v1.LedgerService/Claim"),
    Case(
        "a guessed gRPC path of the gateway",
        404,
        "UNKNOWN_PATH",
        b"{}",
        "/pulse.gateway.v1.NotificationService/SendNotification",
    ),
    Case("an unknown path", 404, "UNKNOWN_PATH", b"", "/v2/notifications", "GET"),
    Case("a wrong method", 404, "UNKNOWN_PATH", b"", SEND, "DELETE"),
    Case("another content type", 415, "UNSUPPORTED_MEDIA_TYPE", headers=(("Content-Type", "text/plain"),)),
    Case("a body beyond 4 MiB", 413, "REQUEST_TOO_LARGE", sending(context={"name": "x" * 5_000_000})),
    Case("a push beyond 4 KB", 400, "PUSH_TOO_LARGE", sending(channel="PUSH", to="t", context={"name": "x" * 5_000})),
    Case("a context beyond 64 KiB", 400, "", sending(context={"name": "x" * 70_000}), mentions="context"),
    Case("a batch of none", 400, "INVALID_FIELDS", b'{"requests": []}', SEND + ":batchSend"),
    Case("a batch of 1,001", 400, "INVALID_FIELDS", b'{"requests": [' + b"{}," * 1_000 + b"{}]}", SEND + ":batchSend"),
    # the original's send
    Case("the original's unknown channel", 400, "UNKNOWN_CHANNEL", sending(channel="fax"), ORIGINAL_SEND),
    Case("the original's missing variable", 400, "MISSING_VARIABLE", sending(context={}), ORIGINAL_SEND),
    Case("the original's unknown template", 404, "TEMPLATE_NOT_FOUND", sending(template_name="test"), ORIGINAL_SEND),
    Case("the original's missing recipient", 400, "INVALID_FIELDS", sending(to=""), ORIGINAL_SEND, mentions="to"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input_gets_a_clear_error_and_changes_nothing(suite: Suite, case: Case) -> None:
    before = accepted(suite)
    headers = [("Content-Type", "application/json"), *case.headers]
    if any(name == "Content-Type" for name, _ in case.headers):
        headers = list(case.headers)
    answer = suite.rest.request(case.method, case.path, content=case.body, headers=headers)
    assert answer.status_code == case.status, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    status = answer.json()
    assert status["code"]
    assert status["message"]
    if case.reason:
        assert case.reason in [detail.get("reason") for detail in status["details"]]
    assert case.mentions in answer.text
    assert accepted(suite) == before


def accepted(suite: Suite) -> int:
    """How many notifications of the user of these tests there are."""
    return len(suite.rest.get(SEND, params={"user_id": "bad", "page_size": 1000}).json()["notifications"])


def test_an_integer_beyond_exact_floats_is_refused_or_kept_exact(suite: Suite) -> None:
    answer = suite.rest.post(SEND, content=with_context("9007199254740993"), headers=JSON)
    assert answer.status_code == 400
    assert "context" in answer.text


def test_the_last_of_two_equal_json_keys_counts_and_nothing_else_is_mixed_in(suite: Suite) -> None:
    twice = sending().replace(b'"to": ', b'"to": "first@example.com", "to": ')
    answer = suite.rest.post(SEND, content=twice, headers=JSON)
    if answer.status_code == 200:
        assert suite.until_arrived(answer.json()["notification_id"])["to"] == "ann@example.com"
    else:
        assert answer.status_code == 400


def test_internal_headers_of_a_caller_are_not_believed(suite: Suite) -> None:
    headers = {"x-pulse-tenant": "other", "x-http-code": "500", "content-type": "application/json"}
    answer = suite.rest.post(SEND, content=sending(user_id=f"u-{uuid.uuid4()}"), headers=headers)
    assert answer.status_code == 200
    assert suite.rest.get(f"{SEND}/{answer.json()['notification_id']}").status_code == 200


def test_a_body_that_never_ends_is_given_up_and_others_are_served(suite: Suite) -> None:
    port = suite.rest.base_url.port
    assert port
    with socket.create_connection(("127.0.0.1", port)) as slow:
        headers = "Host: x\r\nContent-Type: application/json\r\nContent-Length: 99"
        slow.sendall(f"POST {SEND} HTTP/1.1\r\n{headers}\r\n\r\n{{".encode())
        assert suite.rest.get("/api/notifications/templates/").status_code == 200


@pytest.mark.parametrize("raw", [b"Idempotency-Key: a\x01b", b"Idempotency-Key: a\x00b"])
def test_control_characters_in_a_header_are_refused(suite: Suite, raw: bytes) -> None:
    port = suite.rest.base_url.port
    assert port
    request = b"POST /v1/notifications HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + raw
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request + b"\r\nContent-Length: 2\r\n\r\n{}")
        assert connection.recv(4096).startswith(b"HTTP/1.1 400")


def test_a_long_text_with_an_emoji_is_counted_in_shorter_segments(suite: Suite) -> None:
    preview = {"channel": "SMS", "context": {"name": "a" * 80 + "\N{PARTY POPPER}"}}
    answer = suite.rest.post("/v1/templates/x:preview", json={**preview, "draft": [{"body": "{{ name }}"}]})
    assert answer.json()["sms_segments"] == 2


def test_a_stale_device_token_ends_as_a_dead_letter_at_once(suite: Suite) -> None:
    fault = [{"provider": "fcm", "match": "stale-token", "action": "status", "value": 404, "times": 1}]
    suite.sandbox.put("/api/faults", json=fault)
    body = sending(channel="PUSH", to="stale-token", user_id="stale")
    sent = suite.rest.post(SEND, content=body, headers=JSON).json()["notification_id"]
    wait_until(lambda: suite.status(sent)["status"] == "failed")
    told = suite.rest.get(f"{SEND}/{sent}").json()
    assert (told["failure"]["code"], told["attempt_count"]) == ("UNREGISTERED", 1)
