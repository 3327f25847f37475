"""Where a browser's subscription may lead, and what is none."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from services.delivery.providers.base.es256 import base64url
from services.delivery.providers.webpush.services import MOST
from services.delivery.rules.provider import OutcomeKind, Rejection
from tests.delivery.conftest import Sandbox
from tests.delivery.in_a_loop import InALoop
from tests.delivery.recipients import browser
from tests.delivery.test_webpush import provider, send
from tests.support.dripping import dripping

OK, PASSING, FOR_GOOD = OutcomeKind.SUCCEEDED, OutcomeKind.TRANSIENT_FAILURE, OutcomeKind.PERMANENT_FAILURE
GONE, REFUSED = Rejection.GONE, Rejection.REFUSED


@pytest.fixture(scope="module")
def webpush(sandbox_process: Sandbox) -> Iterator[InALoop]:
    made = provider(sandbox_process.http)
    yield made
    made.close()


#: Where a push service of the internet is not; beside the look-alike's, which is let.
INSIDE = [
    "http://push.example.com/x",
    "https://127.0.0.1/x",
    "https://localhost:8443/x",
    "https://a.localhost/x",
    "https://10.0.0.1/x",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/x",
    "https://[::ffff:10.0.0.1]/x",
    "https://0x7f000001/x",
    "https://127.1/x",
]


@pytest.mark.parametrize("endpoint", INSIDE)
def test_no_push_service_is_called_that_is_not_public_and_by_https(sandbox: Sandbox, endpoint: str) -> None:
    made = provider(sandbox.http)
    outcome = send(made, json.dumps({**json.loads(browser("x")), "endpoint": endpoint}))
    made.close()
    assert (outcome.kind, outcome.code, outcome.rejection) == (FOR_GOOD, "PUSH_SERVICE_NOT_PUBLIC", REFUSED)
    assert endpoint not in outcome.message


def test_another_port_of_the_look_alike_s_machine_is_not_the_look_alike(sandbox: Sandbox) -> None:
    heard: list[str] = []
    with dripping(lambda _peer: heard.append("somebody")) as port:
        made = provider(sandbox.http)
        assert send(made, browser(f"http://127.0.0.1:{port}")).code == "PUSH_SERVICE_NOT_PUBLIC"
        made.close()
    assert heard == []


GOOD = json.loads(browser("https://push.example.com"))
KEYS = GOOD["keys"]
OFF_CURVE = base64url(b"\4" + b"\1" * 64)
NO_SUBSCRIPTIONS = {
    "nothing": "",
    "a token": "fcm-registration-token",
    "another JSON": "[]",
    "a number": "7",
    "null": "null",
    "no end": "[" * 5000,
    "only an endpoint": json.dumps({"endpoint": GOOD["endpoint"]}),
    "keys are text": json.dumps({**GOOD, "keys": "x"}),
    "no auth": json.dumps({**GOOD, "keys": {"p256dh": KEYS["p256dh"]}}),
    "no p256dh": json.dumps({**GOOD, "keys": {"auth": KEYS["auth"]}}),
    "auth of 15 bytes": json.dumps({**GOOD, "keys": {**KEYS, "auth": base64url(b"x" * 15)}}),
    "a number for auth": json.dumps({**GOOD, "keys": {**KEYS, "auth": 7}}),
    "not base64": json.dumps({**GOOD, "keys": {**KEYS, "p256dh": "!" * 87}}),
    "a packed point": json.dumps({**GOOD, "keys": {**KEYS, "p256dh": base64url(b"\2" + b"x" * 32)}}),
    "off the curve": json.dumps({**GOOD, "keys": {**KEYS, "p256dh": OFF_CURVE}}),
    "no endpoint": json.dumps({"keys": KEYS}),
    "a list for endpoint": json.dumps({**GOOD, "endpoint": ["https://a.example"]}),
    "by ftp": json.dumps({**GOOD, "endpoint": "ftp://push.example.com/x"}),
    "no host": json.dumps({**GOOD, "endpoint": "https:///x"}),
    "a user": json.dumps({**GOOD, "endpoint": "https://a:b@push.example.com/x"}),
    "a fragment": json.dumps({**GOOD, "endpoint": "https://push.example.com/x#y"}),
    "a blank": json.dumps({**GOOD, "endpoint": "https://push.example.com/x y"}),
    "a line end": json.dumps({**GOOD, "endpoint": "https://push.example.com/x\r\nHost: a"}),
    "a bad port": json.dumps({**GOOD, "endpoint": "https://push.example.com:99999/x"}),
    "a broken address": json.dumps({**GOOD, "endpoint": "https://[::1/x"}),
    "a backslash": json.dumps({**GOOD, "endpoint": "https://push.example.com\\@127.0.0.1/"}),
    "too long": json.dumps({**GOOD, "endpoint": "https://push.example.com/" + "x" * 4096}),
}


@pytest.mark.parametrize("to", NO_SUBSCRIPTIONS.values(), ids=NO_SUBSCRIPTIONS)
def test_what_is_no_subscription_is_forgotten_and_asks_nobody(webpush: InALoop, to: str) -> None:
    outcome = send(webpush, to)
    assert (outcome.kind, outcome.code, outcome.rejection) == (FOR_GOOD, "INVALID_SUBSCRIPTION", GONE)


def test_padding_and_what_else_browsers_say_does_no_harm(webpush: InALoop, sandbox: Sandbox) -> None:
    given = json.loads(browser(sandbox.http))
    padded = {
        name: base64.b64encode(base64.urlsafe_b64decode(f"{key}==")).decode() for name, key in given["keys"].items()
    }
    more = {**given, "keys": padded, "expirationTime": 1_900_000_000_000, "options": {"userVisibleOnly": True}}
    assert send(webpush, json.dumps(more, indent=2)).kind is OK


def test_however_many_push_services_there_are_connections_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(*_: Any, **__: Any) -> Any:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", find)
    made = provider()
    services = made.provider._services  # type: ignore[attr-defined]
    for number in range(MOST + 5):
        assert send(made, browser(f"https://push-{number}.example")).kind is PASSING
    assert len(services.clients) == MOST
    made.close()
