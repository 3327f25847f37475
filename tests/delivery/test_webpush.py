"""Push by Web Push, against a push service's look-alike, which reads what was encrypted as the browser would."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from py_vapid import Vapid
from pydantic import ValidationError

from services.delivery.config import DeliverySettings
from services.delivery.providers.base.es256 import base64url, private_key
from services.delivery.providers.webpush.payload import LARGEST, payload
from services.delivery.providers.webpush.provider import WebpushProvider
from services.delivery.rules.provider import Cause, Outcome, OutcomeKind, Rejection
from shared.clock import SystemClock
from shared.saying.said import Push, Said
from tests.delivery.conftest import Sandbox
from tests.delivery.in_a_loop import InALoop, requests_of
from tests.delivery.outgoing import outgoing, within
from tests.delivery.recipients import browser
from tests.support.dripping import Peer, dripping

OK, PASSING, FOR_GOOD, OPEN = (
    OutcomeKind.SUCCEEDED,
    OutcomeKind.TRANSIENT_FAILURE,
    OutcomeKind.PERMANENT_FAILURE,
    OutcomeKind.UNANSWERED,
)
SUBJECT = "mailto:push@example.com"
KEY = base64url(bytes(range(1, 33)))


def provider(url: str = "", **settings: Any) -> InALoop:
    made = DeliverySettings(webpush_base_url=url, **settings)
    return InALoop(WebpushProvider.from_settings(made, SystemClock()))


@pytest.fixture(scope="module")
def webpush(sandbox_process: Sandbox) -> Iterator[InALoop]:
    made = provider(sandbox_process.http, webpush_private_key=KEY, webpush_subject=SUBJECT)
    yield made
    made.close()


def send(webpush: InALoop, to: str, push: Push = Push(), **more: Any) -> Outcome:  # noqa: B008
    return webpush.send(
        outgoing(to, channel="PUSH", said=Said(push=push) if push != Push() else Said(), **more), within()
    )


def sent(webpush: InALoop, sandbox: Sandbox, push: Push = Push(), **more: Any) -> tuple[dict[str, str], dict[str, Any]]:  # noqa: B008
    """Headers, without those that never change, and what the browser read."""
    outcome = send(webpush, browser(sandbox.http), push, **more)
    assert outcome.kind is OK
    [receipt] = sandbox.receipts()
    assert (receipt["provider_id"], receipt["to"]) == (outcome.provider_message_id, f"{sandbox.http}/webpush/ada")
    asked: dict[str, Any] = receipt["request"]
    assert asked["headers"].pop("content-encoding") == "aes128gcm"
    assert asked["headers"].pop("content-type") == "application/octet-stream"
    assert asked["message"]["data"].pop("notification_id") == receipt["notification_id"] != ""
    return asked["headers"], asked["message"]


EVERYTHING = Push(
    data={"order": "7"},
    link="https://shop.example.com/7",
    image="https://shop.example.com/7.png",
    icon="https://shop.example.com/icon.png",
    sound="ding",
    badge=0,
    collapse_key="order-7",
    channel_id="orders",
    category="ORDER",
    mutable_content=True,
    analytics_label="orders",
)


def test_every_field_that_browsers_know_reaches_the_page(webpush: InALoop, sandbox: Sandbox) -> None:
    headers, message = sent(webpush, sandbox, EVERYTHING, urgent=True)
    assert headers == {"ttl": "2419200", "urgency": "high", "topic": "order-7"}
    assert message == {
        "web_push": 8030,
        "notification": {
            "title": "Hello",
            "body": "Hi there.",
            "navigate": "https://shop.example.com/7",
            "icon": "https://shop.example.com/icon.png",
            "image": "https://shop.example.com/7.png",
            "tag": "order-7",
        },
        "mutable": True,
        "app_badge": 0,
        "data": {"order": "7", "link": "https://shop.example.com/7"},
    }


def test_one_that_says_nothing_of_it_has_no_haste(webpush: InALoop, sandbox: Sandbox) -> None:
    headers, message = sent(webpush, sandbox)
    assert headers == {"ttl": "2419200", "urgency": "normal"}
    assert message == {"notification": {"title": "Hello", "body": "Hi there."}, "data": {}}


def test_a_silent_one_shows_nothing(webpush: InALoop, sandbox: Sandbox) -> None:
    _, message = sent(webpush, sandbox, EVERYTHING._replace(silent=True, badge=3))
    assert message == {"app_badge": 3, "data": {"order": "7"}}


@pytest.mark.parametrize(
    ("push", "subject"),
    [
        (Push(link="shop://order/7"), "Hello"),
        (Push(link="https://a.example"), ""),
        (Push(mutable_content=True), "Hello"),
    ],
)
def test_without_a_title_or_an_address_of_the_web_it_is_the_page_s_to_show(
    webpush: InALoop, sandbox: Sandbox, push: Push, subject: str
) -> None:
    _, message = sent(webpush, sandbox, push, subject=subject)
    assert "web_push" not in message
    assert "mutable" not in message


def test_the_name_of_a_drawable_is_no_icon_of_the_web(webpush: InALoop, sandbox: Sandbox) -> None:
    _, message = sent(webpush, sandbox, Push(icon="ic_shop"))
    assert "icon" not in message["notification"]


@pytest.mark.parametrize(
    ("left", "told"), [(90.5, "90"), (0.4, "0"), (-3.0, "0"), (90 * 86_400.0, "2419200"), (None, "2419200")]
)
def test_what_is_left_of_its_time_is_told(webpush: InALoop, sandbox: Sandbox, left: float | None, told: str) -> None:
    headers, _ = sent(webpush, sandbox, ends_at=None if left is None else time.monotonic() + left)
    assert headers["ttl"] == told


@pytest.mark.parametrize("key", ["orders of Ada", "x" * 33, "bestellung/7", "~"])
def test_a_collapse_key_that_is_no_topic_stands_for_one(webpush: InALoop, sandbox: Sandbox, key: str) -> None:
    topics = {}
    for collapse_key in (key, key, f"{key} too"):
        sandbox.call("DELETE", "/api/receipts")
        headers, message = sent(webpush, sandbox, Push(collapse_key=collapse_key))
        topics.setdefault(collapse_key, headers["topic"])
        assert topics[collapse_key] == headers["topic"]
        assert message["notification"]["tag"] == collapse_key
    assert len(set(topics.values())) == 2


def test_text_of_any_language_arrives_as_it_is(webpush: InALoop, sandbox: Sandbox) -> None:
    _, message = sent(webpush, sandbox, subject='"Grüße"', body="a\nb\t漢字\\\u2028🎉")
    assert message["notification"] == {"title": '"Grüße"', "body": "a\nb\t漢字\\\u2028🎉"}


@pytest.mark.parametrize(("more", "kind"), [(0, OK), (1, FOR_GOOD)])
def test_encrypted_it_has_4096_bytes_at_the_most(
    webpush: InALoop, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, more: int, kind: OutcomeKind
) -> None:
    asked = requests_of(monkeypatch)
    given = outgoing(browser(sandbox.http), channel="PUSH", body="")
    outcome = webpush.send(given._replace(body="x" * (LARGEST - len(payload(given)) + more)), within())
    assert (outcome.kind, outcome.code) == (kind, "PAYLOAD_TOO_LARGE" if more else "")
    assert [len(request.partition(b"\r\n\r\n")[2]) for request in asked] == ([] if more else [4096])


def test_no_two_are_encrypted_alike(webpush: InALoop, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = requests_of(monkeypatch)
    given = outgoing(browser(sandbox.http), channel="PUSH")
    assert {webpush.send(given, within()).kind for _ in range(2)} == {OK}
    first, second = (request.partition(b"\r\n\r\n")[2] for request in asked)
    assert first != second
    assert given.body.encode() not in first


def test_who_sends_it_is_shown_as_another_library_checks_it(
    webpush: InALoop, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = requests_of(monkeypatch)
    sent(webpush, sandbox)
    [header] = [line for line in asked[0].decode("latin-1").split("\r\n") if line.startswith("Authorization: ")]
    assert Vapid.verify(header.partition(": ")[2])
    claims = sandbox.receipts()[0]["request"]["vapid"]
    assert (claims["aud"], claims["sub"]) == (sandbox.http, SUBJECT)
    assert 11 * 3600 <= claims["exp"] - time.time() <= 24 * 3600


def test_a_subscription_for_another_sender_says_nothing_of_other_browsers(webpush: InALoop, sandbox: Sandbox) -> None:
    own = webpush.provider._vapid.public_key  # type: ignore[attr-defined]
    assert send(webpush, browser(sandbox.http, key=own)).kind is OK
    other = provider(sandbox.http)
    outcome = send(other, browser(sandbox.http, key=own))
    other.close()
    assert (outcome.kind, outcome.rejection, outcome.code) == (FOR_GOOD, REFUSED, "403")
    assert "another key" in outcome.message


GONE, REFUSED = Rejection.GONE, Rejection.REFUSED
MEANING: dict[int, tuple[OutcomeKind, Rejection | Cause | None]] = {
    400: (FOR_GOOD, None),
    401: (PASSING, Cause.CONFIGURATION),
    403: (FOR_GOOD, REFUSED),
    404: (FOR_GOOD, GONE),
    405: (FOR_GOOD, None),
    410: (FOR_GOOD, GONE),
    413: (FOR_GOOD, None),
    429: (PASSING, Cause.PROVIDER),
    500: (OPEN, None),
    502: (OPEN, None),
    503: (PASSING, Cause.PROVIDER),
}


@pytest.mark.parametrize("status", MEANING)
def test_each_status_means_what_the_standards_say(webpush: InALoop, sandbox: Sandbox, status: int) -> None:
    sandbox.fault("webpush", "status", status)
    outcome = send(webpush, browser(sandbox.http))
    kind, about = MEANING[status]
    assert (outcome.kind, outcome.code) == (kind, str(status))
    assert (outcome.cause if kind is PASSING else outcome.rejection) is about
    assert "ada" not in outcome.message


def test_a_browser_that_unsubscribed_is_forgotten(webpush: InALoop, sandbox: Sandbox) -> None:
    outcome = send(webpush, browser(sandbox.http, "unregistered-7"))
    assert (outcome.kind, outcome.code, outcome.rejection) == (FOR_GOOD, "410", GONE)
    assert sandbox.receipts() == []


def answering(*lines: bytes) -> Any:
    def talk(peer: Peer) -> None:
        peer.hear_request()
        peer.say(*lines)

    return talk


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirection_is_not_followed(status: int) -> None:
    elsewhere: list[str] = []
    with dripping(lambda _peer: elsewhere.append("followed")) as trap:
        location = b"Location: http://127.0.0.1:%d/" % trap
        with dripping(answering(b"HTTP/1.1 %d Moved" % status, location, b"Content-Length: 0", b"")) as port:
            made = provider(f"http://127.0.0.1:{port}")
            outcome = send(made, browser(f"http://127.0.0.1:{port}"))
            made.close()
    assert (outcome.kind, outcome.code, outcome.rejection) == (FOR_GOOD, str(status), REFUSED)
    assert elsewhere == []


def test_an_answer_without_an_end_is_read_as_far_as_its_head() -> None:
    def pour(peer: Peer) -> None:
        peer.hear_request()
        peer.say(b"HTTP/1.1 201 Created", b"Transfer-Encoding: chunked", b"")
        peer.pour(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")

    with dripping(pour) as port:
        made = provider(f"http://127.0.0.1:{port}")
        given = outgoing(browser(f"http://127.0.0.1:{port}"), channel="PUSH")
        outcome = made.send(given, within())
        made.close()
    assert (outcome.kind, outcome.provider_message_id) == (OK, given.notification_id)


@pytest.mark.parametrize(
    ("location", "id_"),
    [
        ("https://push.example/m/abc-1", "abc-1"),
        ("/m/0:16%25c7", "0:16%25c7"),
        ("/m/", ""),
        ("/m/a b", ""),
        ("//[", ""),
        ("/" + "x" * 200, ""),
    ],
)
def test_a_push_is_called_as_its_service_calls_it(location: str, id_: str) -> None:
    head = (b"HTTP/1.1 201 Created", f"Location: {location}".encode(), b"Content-Length: 0", b"")
    with dripping(answering(*head)) as port:
        made = provider(f"http://127.0.0.1:{port}")
        given = outgoing(browser(f"http://127.0.0.1:{port}"), channel="PUSH")
        outcome = made.send(given, within())
        made.close()
    assert outcome.provider_message_id == (id_ or given.notification_id)


@pytest.mark.parametrize(
    "settings",
    [
        {"webpush_private_key": KEY},
        {"webpush_subject": SUBJECT},
        {"webpush_private_key": KEY, "webpush_subject": "push@example.com"},
        {"webpush_private_key": KEY, "webpush_subject": "mailto:"},
        {"webpush_private_key": KEY, "webpush_subject": "http://example.com"},
        {"webpush_base_url": "push.example.com"},
        {"webpush_base_url": "http://"},
        {"webpush_connections": 501},
    ],
    ids=str,
)
def test_settings_that_cannot_be_right_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DeliverySettings(**settings)


@pytest.mark.parametrize(
    "key",
    ["x", KEY[:-2], KEY + "AA", base64url(bytes(32)), base64url(b"\xff" * 32), "!" * 43, f"{KEY}\n{KEY}"],
    ids=repr,
)
def test_a_key_that_is_none_stops_the_start(key: str) -> None:
    with pytest.raises(ValueError, match="PULSE_WEBPUSH_PRIVATE_KEY"):
        provider(webpush_private_key=key, webpush_subject=SUBJECT)


def test_a_key_with_padding_is_the_same() -> None:
    assert private_key(bytes(range(1, 33))).private_numbers().private_value == int.from_bytes(range(1, 33), "big")
    for key in (KEY, f"{KEY}="):
        provider(webpush_private_key=key, webpush_subject=SUBJECT).close()
