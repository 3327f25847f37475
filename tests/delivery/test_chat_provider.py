"""Chat services as the provider calls them: where destinations lead, over real connections, and what answers mean."""

from __future__ import annotations

import datetime as dt
import json
import socket
from collections.abc import AsyncIterator, Callable
from http.server import HTTPServer
from typing import Any

import pytest
from pydantic import ValidationError

from services.delivery.config import DeliverySettings
from services.delivery.destinations import Destinations
from services.delivery.providers.apprise import answers
from services.delivery.providers.apprise.provider import AppriseProvider
from services.delivery.providers.apprise.sealing import CannotOpen, KeyRing
from services.delivery.providers.base.http_answer import Answer
from services.delivery.providers.registry import BY_NAME, destinations
from services.delivery.rules.provider import Cause, Outcome, OutcomeKind, Outgoing
from services.delivery.worker.preparing import prepare
from services.delivery.worker.templates import TemplateCache
from services.delivery.worker.unsubscribe_links import UnsubscribeLinks
from shared.clock import SystemClock
from shared.errors import Code, PulseError
from shared.text.rendering import CompiledTemplate, Text
from shared.unsubscribe import KeyRing as LinkKeys
from tests.delivery.outgoing import claim, outgoing, within
from tests.support.http_servers import QuietHandler, serving

OLD, NEW = "b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xkIG9sZCE=", "bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXcgbmV3IG5ldyE="
NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
OK, PASSING, FOR_GOOD, OPEN = (
    OutcomeKind.SUCCEEDED,
    OutcomeKind.TRANSIENT_FAILURE,
    OutcomeKind.PERMANENT_FAILURE,
    OutcomeKind.UNANSWERED,
)


class Room(QuietHandler):
    """Keeps what it is told; answers as the server says."""

    def do_POST(self) -> None:
        self.server.told.append((self.path, dict(self.headers), json.loads(self.body())))  # type: ignore[attr-defined]
        status, headers = self.server.answers  # type: ignore[attr-defined]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


@pytest.fixture
def room() -> Any:
    server = HTTPServer(("127.0.0.1", 0), Room)
    server.told, server.answers = [], (200, {})  # type: ignore[attr-defined]
    with serving(server):
        yield server


def settings(**more: str) -> DeliverySettings:
    return DeliverySettings.load({"PULSE_APPRISE_KEYS": NEW, **{f"PULSE_{key.upper()}": more[key] for key in more}})


Made = Callable[..., AppriseProvider]


@pytest.fixture
async def made() -> AsyncIterator[Made]:
    providers: list[Any] = []

    def make(**more: str) -> Any:
        providers.append(BY_NAME["apprise"].build(settings(**more), SystemClock()))
        return providers[-1]

    yield make
    for provider in providers:
        await provider.close()


def led(url: str, keys: str = NEW, to: str = "ops", tenant_id: str = "default", **more: Any) -> Outgoing:
    sealed = KeyRing.parse(keys).seal(tenant_id, "ops", url)
    return outgoing(to, channel="CHAT", destination=sealed, **more)


LOOPBACK = {"apprise_private_networks": "127.0.0.0/8"}


async def test_a_network_that_is_allowed_is_called_and_nothing_else_inside(made: Made, room: Any) -> None:
    given = led(f"ntfy://127.0.0.1:{room.server_port}/alerts")
    outcome = await made(**LOOPBACK).send(given, within())
    assert (outcome.kind, outcome.provider_message_id) == (OK, given.notification_id)
    ((path, headers, body),) = room.told
    assert (path, body) == ("/", {"topic": "alerts", "title": "Hello", "message": "Hi there."})
    assert headers["X-Pulse-Notification-Id"] == given.notification_id
    refused = await made(apprise_private_networks="10.0.0.0/8").send(given, within())
    assert (refused.kind, refused.code) == (FOR_GOOD, "DESTINATION_ADDRESS_PRIVATE")
    assert len(room.told) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:7f00:1]", "169.254.169.254"])
async def test_an_address_inside_is_not_called(made: Made, room: Any, host: str) -> None:
    outcome = await made().send(led(f"ntfy://{host}:{room.server_port}/alerts"), within())
    assert (outcome.kind, outcome.code, outcome.about_address) == (FOR_GOOD, "DESTINATION_ADDRESS_PRIVATE", True)
    assert (room.told, host in outcome.message) == ([], False)


async def test_a_name_that_was_public_when_it_was_registered_and_leads_inside_later_is_not_called(
    made: Made, room: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads_to = ["1.1.1.1"]
    genuine = socket.getaddrinfo

    def find(host: str, port: int, *given: Any, **more: Any) -> list[Any]:
        if host != "rebound.example.org" or more.get("flags"):
            return genuine(host, port, *given, **more)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (leads_to[0], port))]

    monkeypatch.setattr(socket, "getaddrinfo", find)
    url = f"ntfy://rebound.example.org:{room.server_port}/alerts"
    taking = destinations(settings())
    assert taking is not None
    sealed = (await taking.seal("default", "ops", url)).sealed
    leads_to[0] = "127.0.0.1"
    outcome = await made().send(outgoing("ops", channel="CHAT", destination=sealed), within())
    assert (outcome.code, room.told) == ("DESTINATION_ADDRESS_PRIVATE", [])
    with pytest.raises(PulseError) as caught:
        await taking.seal("default", "ops", url)
    assert caught.value.reason == "DESTINATION_ADDRESS_PRIVATE"


async def test_a_redirection_is_not_followed(made: Made, room: Any) -> None:
    room.answers = (302, {"Location": f"http://127.0.0.1:{room.server_port}/inside"})
    outcome = await made(**LOOPBACK).send(led(f"ntfy://127.0.0.1:{room.server_port}/alerts"), within())
    assert (outcome.kind, outcome.cause, outcome.code) == (PASSING, Cause.CONFIGURATION, "302")
    assert [path for path, _, _ in room.told] == ["/"]


async def test_a_host_that_is_silent_is_left_at_the_deadline_and_the_outcome_stays_open(made: Made) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        given = led(f"ntfy://127.0.0.1:{silent.getsockname()[1]}/alerts")
        outcome = await made(**LOOPBACK).send(given, within(0.3))
    assert (outcome.kind, outcome.code, outcome.about_address) == (OPEN, "APPRISE_NO_ANSWER", True)


async def test_old_keys_open_and_new_ones_seal(made: Made, room: Any) -> None:
    url = f"ntfy://127.0.0.1:{room.server_port}/alerts"
    both = made(apprise_keys=f"{NEW}, {OLD}", **LOOPBACK)
    assert (await both.send(led(url, OLD), within())).kind is OK
    assert (await both.send(led(url, NEW), within())).kind is OK
    outcome = await made(**LOOPBACK).send(led(url, OLD), within())
    assert (outcome.kind, outcome.cause, outcome.code) == (PASSING, Cause.CONFIGURATION, "DESTINATION_SEALED")
    assert "PULSE_APPRISE_KEYS" in outcome.message
    assert KeyRing.parse(f"{NEW},{OLD}").key_id == KeyRing.parse(NEW).key_id != KeyRing.parse(OLD).key_id


@pytest.mark.parametrize("more", [{"to": "other"}, {"tenant_id": "acme"}])
async def test_what_was_encrypted_for_another_name_or_tenant_is_not_sent_to(
    made: Made, room: Any, more: dict[str, str]
) -> None:
    given = led(f"ntfy://127.0.0.1:{room.server_port}/alerts", to="ops")._replace(**more)
    outcome = await made(**LOOPBACK).send(given, within())
    assert (outcome.code, room.told) == ("DESTINATION_SEALED", [])


@pytest.mark.parametrize("damage", [b"", b"\x01", b"\x02" + b"x" * 60, b"x" * 16])
def test_what_is_damaged_does_not_open(damage: bytes) -> None:
    with pytest.raises(CannotOpen):
        KeyRing.parse(NEW).open("default", "ops", damage)
    sealed = bytearray(KeyRing.parse(NEW).seal("default", "ops", "x"))
    sealed[-1] ^= 1
    with pytest.raises(CannotOpen):
        KeyRing.parse(NEW).open("default", "ops", bytes(sealed))


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"apprise_keys": "short"}, "PULSE_APPRISE_KEYS"),
        ({"apprise_keys": "c2hvcnQ="}, "PULSE_APPRISE_KEYS"),
        ({"apprise_keys": f"{NEW},x"}, "PULSE_APPRISE_KEYS"),
        ({"apprise_private_networks": "10.0.0.1/8"}, "PULSE_APPRISE_PRIVATE_NETWORKS"),
        ({"apprise_private_networks": "intranet"}, "PULSE_APPRISE_PRIVATE_NETWORKS"),
        ({"apprise_base_url": "https://"}, "PULSE_APPRISE_BASE_URL"),
    ],
)
def test_settings_that_cannot_work_stop_the_start(changed: dict[str, str], key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        DeliverySettings(**{"apprise_keys": NEW, **changed})  # type: ignore[arg-type]


def test_without_a_look_alike_there_is_no_one_place_to_try() -> None:
    endpoint = BY_NAME["apprise"].endpoint(settings())
    assert endpoint is not None
    assert endpoint.host == ""


@pytest.mark.parametrize(
    ("kind", "status", "body", "headers", "expected"),
    [
        ("slack", 200, "ok", {}, Outcome(OK, "n-1")),
        ("discord", 200, '{"id": "77"}', {}, Outcome(OK, "77")),
        ("telegram", 200, '{"ok": true, "result": {"message_id": 5}}', {}, Outcome(OK, "5")),
        ("matrix", 200, '{"event_id": "$e"}', {}, Outcome(OK, "$e")),
        ("teams", 202, "", {}, Outcome(OK, "n-1")),
        ("ntfy", 200, "[1]", {}, Outcome(OK, "n-1")),
        ("slack", 404, "no_service", {}, (FOR_GOOD, "no_service", None, Cause.PROVIDER)),
        ("slack", 410, "channel_is_archived", {}, (FOR_GOOD, "channel_is_archived", None, Cause.PROVIDER)),
        ("slack", 400, "invalid_payload", {}, (FOR_GOOD, "invalid_payload", None, Cause.PROVIDER)),
        ("slack", 403, "invalid_token", {}, (PASSING, "invalid_token", None, Cause.CONFIGURATION)),
        ("slack", 429, "rate_limited", {"retry-after": "30"}, (PASSING, "rate_limited", 30.0, Cause.PROVIDER)),
        ("slack", 500, "rollup_error", {}, (OPEN, "rollup_error", None, Cause.PROVIDER)),
        ("discord", 404, '{"code": 10015, "message": "Ann"}', {}, (FOR_GOOD, "10015", None, Cause.PROVIDER)),
        ("discord", 401, '{"code": 50027}', {}, (PASSING, "50027", None, Cause.CONFIGURATION)),
        ("discord", 429, '{"retry_after": 0.65, "code": 0}', {}, (PASSING, "429", 0.65, Cause.PROVIDER)),
        ("discord", 503, "", {}, (PASSING, "503", None, Cause.PROVIDER)),
        ("discord", 502, "<html>", {}, (OPEN, "502", None, Cause.PROVIDER)),
        (
            "telegram",
            429,
            '{"ok": false, "error_code": 429, "parameters": {"retry_after": 9}}',
            {},
            (PASSING, "429", 9.0, Cause.PROVIDER),
        ),
        ("telegram", 400, '{"ok": false, "description": "chat of Ann"}', {}, (FOR_GOOD, "400", None, Cause.PROVIDER)),
        ("telegram", 200, '{"ok": false}', {}, (FOR_GOOD, "200", None, Cause.PROVIDER)),
        (
            "matrix",
            429,
            '{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1500}',
            {},
            (PASSING, "M_LIMIT_EXCEEDED", 1.5, Cause.PROVIDER),
        ),
        ("matrix", 403, '{"errcode": "M_FORBIDDEN"}', {}, (PASSING, "M_FORBIDDEN", None, Cause.CONFIGURATION)),
        ("ntfy", 507, '{"code": 50701}', {"retry-after": "2"}, (PASSING, "50701", 2.0, Cause.PROVIDER)),
        ("gotify", 301, "", {}, (PASSING, "301", None, Cause.CONFIGURATION)),
        ("gotify", 413, "", {}, (FOR_GOOD, "413", None, Cause.PROVIDER)),
        ("mattermost", 400, '{"id": "web.x", "message": "Ann"}', {}, (FOR_GOOD, "400", None, Cause.PROVIDER)),
        ("ntfy", 429, '{"retry_after": "soon", "code": true}', {}, (PASSING, "429", None, Cause.PROVIDER)),
        ("ntfy", 429, '{"retry_after": 1e999}', {}, (PASSING, "429", None, Cause.PROVIDER)),
        ("ntfy", 429, '{"retry_after": -5}', {}, (PASSING, "429", 0.0, Cause.PROVIDER)),
        ("ntfy", 400, "ann@example.org is nobody", {}, (FOR_GOOD, "400", None, Cause.PROVIDER)),
    ],
)
def test_what_an_answer_means(kind: str, status: int, body: str, headers: dict[str, str], expected: Any) -> None:
    outcome = answers.classify(kind, Answer(status, headers, body.encode()), "n-1", NOW)
    if isinstance(expected, Outcome):
        assert outcome == expected
    else:
        assert (outcome.kind, outcome.code, outcome.retry_after, outcome.cause) == expected
        assert "Ann" not in outcome.message


class Ledger:
    """Destinations, and who asked for them."""

    def __init__(self, answer: bytes | PulseError) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str]] = []

    async def destination(self, tenant_id: str, name: str) -> bytes:
        self.asked.append((tenant_id, name))
        if isinstance(self.answer, PulseError):
            raise self.answer
        return self.answer


async def prepared(ledger: Ledger, found: Destinations | None = None, **more: Any) -> Any:
    async def template(*_: Any) -> CompiledTemplate:
        return CompiledTemplate([Text("CHAT", "en", "", "Hi", ""), Text("SMS", "en", "", "Hi", "")], "en")

    links = UnsubscribeLinks(LinkKeys(()), "")
    given = claim(**{"channel": "CHAT", "provider": "apprise", "to": "ops", **more})
    return await prepare(
        given, TemplateCache(template, 10), links, destinations=found or Destinations(ledger.destination)
    )


async def test_a_destination_is_fetched_once_for_what_comes_at_the_same_time_and_for_its_tenant_alone() -> None:
    ledger = Ledger(b"sealed")
    found = Destinations(ledger.destination)
    assert [(await prepared(ledger, found)).destination for _ in range(3)] == [b"sealed"] * 3
    await prepared(ledger, found, tenant_id="acme")
    assert ledger.asked == [("default", "ops"), ("acme", "ops")]


async def test_other_channels_ask_for_none() -> None:
    ledger = Ledger(b"sealed")
    assert (await prepared(ledger, channel="SMS")).destination == b""
    assert ledger.asked == []


@pytest.mark.parametrize(
    ("code", "kind", "outcome_code"),
    [
        (Code.NOT_FOUND, FOR_GOOD, "DESTINATION_UNKNOWN"),
        (Code.UNAVAILABLE, OutcomeKind.RELEASED, "DESTINATION_UNAVAILABLE"),
    ],
)
async def test_what_cannot_be_fetched_is_told(code: Code, kind: OutcomeKind, outcome_code: str) -> None:
    outcome = await prepared(Ledger(PulseError(code, "X", "x")))
    assert (outcome.kind, outcome.code) == (kind, outcome_code)
