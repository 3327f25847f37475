"""What the edge makes of it: a real Envoy before a real gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc.aio
import httpx
import pytest

from proof.planning import make_plan
from pulse.common.v1 import limit_pb2
from pulse.gateway.v1 import notification_service_pb2_grpc
from shared import unsubscribe
from shared.errors import Code, PulseError, QuotaViolation, Violation
from shared.rpc.statuses import from_status, to_status
from shared.signing import KeyRing
from shared.unsubscribe import Subscription
from tests.gateway import fakes
from tests.gateway.conftest import refusal, request
from tests.gateway.edge import edge
from tests.support import eventually

KEY = "the-key-that-signs-now"
SEND = {"user_id": "u", "template_name": "welcome", "to": "a@example.com", "context": {"name": "Ada"}}
QUOTA = limit_pb2.QuotaState(name="user_channel", amount=10, window={"seconds": 60}, remaining=7, reset={"seconds": 42})
FIELDS = {"ratelimit-policy": '"user_channel";q=10;w=60', "ratelimit": '"user_channel";r=7;t=42'}


@pytest.fixture
async def rest(serve: Callable[..., Any], tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the edge."""
    plan = make_plan(tmp_path)
    links = {"PULSE_UNSUBSCRIBE_KEY": KEY, "PULSE_PUBLIC_URL": "https://pulse.example.com"}
    await serve(PULSE_LISTEN=plan.ports.address("grpc"), **links)
    async with edge(plan) as client:
        yield client


def told(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith(("ratelimit", "retry"))}


@pytest.mark.parametrize("path, status", [("/v1/notifications", 200), ("/api/notifications/send/", 202)])
async def test_limits_are_told_in_headers_of_a_success_and_of_a_refusal(
    rest: httpx.AsyncClient, peers: fakes.Peers, path: str, status: int
) -> None:
    peers.router.quota = QUOTA
    answer = await rest.post(path, json=SEND)
    assert (answer.status_code, told(answer)) == (status, FIELDS)
    peers.router.refuse = lambda _: PulseError(Code.RESOURCE_EXHAUSTED, "RATE_LIMITED", "too many", retry_after=41.5)
    answer = await rest.post(path, json=SEND)
    assert (answer.status_code, told(answer)) == (429, {**FIELDS, "retry-after": "42"})
    assert answer.json()["details"][0]["reason"] == "RATE_LIMITED"


async def test_grpc_through_the_edge_gets_them_as_metadata(rest: httpx.AsyncClient, peers: fakes.Peers) -> None:
    peers.router.quota = QUOTA
    async with grpc.aio.insecure_channel(f"{rest.base_url.host}:{rest.base_url.port}") as channel:
        call = notification_service_pb2_grpc.NotificationServiceStub(channel).SendNotification(request())
        await call
        trailing = dict(await call.trailing_metadata())
    assert {name: trailing[name] for name in FIELDS} == FIELDS


async def test_an_unsubscribe_link_works_in_a_browser_and_at_one_click(
    rest: httpx.AsyncClient, peers: fakes.Peers
) -> None:
    token = unsubscribe.sign(KeyRing.parse(KEY), Subscription("acme", "ada", "news", "EMAIL"))
    asked = await rest.get(f"/unsubscribe/{token}")
    assert (asked.status_code, asked.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert asked.headers["content-security-policy"].startswith("default-src 'none'")
    assert not peers.recipients.requests
    for body in ({"data": {"List-Unsubscribe": "One-Click"}}, {"files": {"List-Unsubscribe": (None, "One-Click")}}, {}):
        done = await rest.post(f"/unsubscribe/{token}", **body)
        assert done.status_code == 200 and "You are unsubscribed" in done.text
    assert len(peers.recipients.requests) == 3


async def test_a_link_to_a_file_gives_it_to_be_saved_and_a_page_where_there_is_none(
    rest: httpx.AsyncClient, peers: fakes.Peers
) -> None:
    file = {"content": "PGgxPg==", "filename": "a.html", "content_type": "text/html", "as_link": True}
    fields = {"user_id": "u", "template_name": "welcome", "to": "a@example.com", "context": {"name": "Ada"}}
    sent = await rest.post("/v1/notifications", json={**fields, "attachments": [file]})
    assert sent.status_code == 200, sent.text
    path = peers.router.submissions[-1].asked.attachments[0].url.removeprefix("https://pulse.example.com")
    for spoilt in (path, f"{path}?utm_source=x", f"{path}/"):
        got = await rest.get(spoilt)
        assert (got.status_code, got.content) == (200, b"<h1>")
        assert got.headers["content-type"] == "application/octet-stream"
        assert got.headers["content-disposition"].startswith('attachment; filename="a.html"')
        assert got.headers["x-content-type-options"] == "nosniff"
    for wrong in ("/files/x", path[:-2]):
        page = await rest.get(wrong)
        assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    peers.reader.attachments.clear()
    assert (await rest.get(path)).status_code == 410


QUERIES = ["?utm_source=x", "?a=1&a=2&token=other", "?body.content_type=x", "?", "?%zz", "?x-pulse-query=1"]
ENDS = ["&utm_source=x", "&amp;utm_source=x", "%3Futm_source%3Dx", "%253Futm_source%253Dx", "/", "/?x=+y", ")", "%20"]
ADDED = ["", "?" + "y" * 5_000, *QUERIES, *ENDS]


async def test_a_link_works_with_what_mail_programs_add_to_it(rest: httpx.AsyncClient, peers: fakes.Peers) -> None:
    token = unsubscribe.sign(KeyRing.parse(KEY), Subscription("acme", "ada", "news", "EMAIL"))
    encoded_twice = "".join(f"%25{ord(character):02X}" for character in token)
    for path in [encoded_twice, *(token + added for added in ADDED)]:
        peers.recipients.requests.clear()
        for method in ("GET", "POST"):
            answer = await rest.request(method, f"/unsubscribe/{path}")
            assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8"), path
        [kept] = peers.recipients.requests
        assert (kept.tenant_id, kept.suppression.user_id, kept.suppression.category) == ("acme", "ada", "news")


@pytest.mark.parametrize("path", ["/unsubscribe/nonsense", "/unsubscribe/%C3%BC", "/unsubscribe/" + "x" * 9_000])
async def test_a_link_that_is_not_pulses_is_a_400_with_a_page(
    rest: httpx.AsyncClient, peers: fakes.Peers, path: str
) -> None:
    for method in ("GET", "POST"):
        answer = await rest.request(method, path)
        assert answer.status_code == 400
        assert answer.headers["content-type"].startswith("text/html") and "<h1>" in answer.text
    assert not peers.recipients.requests


async def test_recipients_are_kept_over_rest(rest: httpx.AsyncClient) -> None:
    wanted = {"choices": [{"category": "news", "channel": "email"}], "time_zone": "Europe/Berlin"}
    kept = await rest.put("/v1/recipients/team%2Fada/preferences", json=wanted)
    assert (kept.status_code, kept.json()["user_id"]) == (200, "team/ada")
    device = await rest.post("/v1/recipients/ada/devices", json={"token": "abc:def", "label": "Pixel"})
    assert (await rest.get("/v1/recipients/ada/devices")).json()["device_tokens"] == [device.json()]
    gone = await rest.delete(f"/v1/recipients/ada/devices/{device.json()['device_token_id']}")
    assert gone.status_code == 200
    refused = await rest.post("/v1/recipients/ada/suppressions", json={"category": "news"})
    assert (refused.status_code, refused.json()["details"][0]["reason"]) == (400, "SUPPRESSION_OF_NOTHING")


@pytest.mark.parametrize(
    "limit, limit_id",
    [
        ({"kind": "user_channel", "subject": "login_otp", "amount": 3, "window": "60s"}, "user_channel:login_otp"),
        ({"kind": "sms_prefix", "subject": "+49", "amount": 0}, "sms_prefix:+49"),
        ({"kind": "tenant", "amount": 3, "window": "60s"}, "tenant"),
    ],
)
async def test_a_limit_is_forgotten_by_the_id_it_is_listed_with(
    rest: httpx.AsyncClient, limit: dict[str, Any], limit_id: str
) -> None:
    made = await rest.post("/v1/operations/limits", json=limit)
    assert (made.status_code, made.json()["limit_id"]) == (200, limit_id)
    listed = (await rest.get("/v1/operations/limits")).json()["limits"]
    assert [one["limit_id"] for one in listed] == [limit_id]
    assert (await rest.delete(f"/v1/operations/limits/{limit_id}")).status_code == 200
    assert (await rest.delete(f"/v1/operations/limits/{limit_id}")).status_code == 404


async def test_a_breaker_is_overridden_and_delivery_paused_over_rest(
    rest: httpx.AsyncClient, peers: fakes.Peers
) -> None:
    answer = await rest.post("/v1/operations/providers/smtp:overrideBreaker", json={"override": "forced_open"})
    assert answer.json()["details"][0]["reason"] == "PROVIDER_NOT_FOUND"
    assert (await rest.post("/v1/operations/delivery:pause", json={"channel": "sms"})).status_code == 200
    assert (await rest.get("/v1/operations/providers")).json()["providers"][0]["provider"] == "smtp"


LONG = "\U0001f600" * 30_000
LONG_ERRORS = [
    PulseError(Code.INVALID_ARGUMENT, "X" * 500, LONG, LONG, [Violation(LONG, LONG)] * 40),
    PulseError(Code.RESOURCE_EXHAUSTED, "X", "%\x01\n " * 9_000, quotas=[QuotaViolation(LONG, LONG)] * 40),
    PulseError(Code.NOT_FOUND, "X", " y " * 9_000, metadata={f"{n}{LONG}": LONG for n in range(40)}),
    PulseError(Code.PERMISSION_DENIED, "X", '"\\</script>\u2028\x7f\x85' * 900),
]


async def test_no_error_is_lost_for_its_length(rest: httpx.AsyncClient, peers: fakes.Peers) -> None:
    async with grpc.aio.insecure_channel(f"{rest.base_url.host}:{rest.base_url.port}") as channel:
        stub = notification_service_pb2_grpc.NotificationServiceStub(channel)
        for error in LONG_ERRORS:
            peers.router.refuse = lambda _, error=error: error
            told = from_status(to_status(error))
            answer = await rest.post("/v1/notifications", json=SEND)
            assert (answer.json()["code"], answer.json()["message"]) == (error.code.value, told.message)
            assert answer.json()["details"][0]["reason"] == told.reason
            batch = await rest.post("/v1/notifications:batchSend", json={"requests": [SEND]})
            assert batch.json()["results"][0]["error"]["message"] == told.message
            assert await refusal(stub.SendNotification(request())) == told


#: A template's contents, how the refusal begins, and how many fields it names at least.
LONG_CONTENTS: list[tuple[list[dict[str, str]], str, int]] = [
    ([{"body": "{% " + "x" * 30_000 + " %}"}], "template.contents[0].body: ", 1),
    ([{"body": "{{ a | " + "é" * 20_000 + " }}"}], "template.contents[0].body: ", 1),
    ([{"body": "{{"}] * 40, "79 fields break their rules, the first of them template.contents[0]", 9),
    ([{"body": ""}] * 40, "79 fields break their rules, the first of them template.contents[0]", 9),
]


async def test_long_texts_are_cut_and_many_mistakes_are_counted(rest: httpx.AsyncClient) -> None:
    for contents, begin, fields in LONG_CONTENTS:
        answer = await rest.post("/v1/templates", json={"name": "long", "channel": "email", "contents": contents})
        assert answer.status_code == 400
        assert answer.json()["message"].startswith(begin)
        bad = next(detail for detail in answer.json()["details"] if "field_violations" in detail)
        assert len(bad["field_violations"]) >= fields


async def test_a_header_that_grpc_cannot_take_does_no_harm(rest: httpx.AsyncClient) -> None:
    for name in ("'uh", "a!b", "x|y", "x-bin", "traceparent-bin", "grpc-trace-bin", "x~"):
        answer = await rest.post("/v1/notifications", json=SEND, headers={name: "not base64!"})
        assert answer.status_code == 200, answer.text


async def test_however_many_headers_and_types_came_before_each_is_judged_as_ever(rest: httpx.AsyncClient) -> None:
    """What the edge found out about a few hundred of them it keeps."""

    async def post(**headers: str) -> int:
        return (await rest.post("/v1/notifications", json=SEND, headers=headers)).status_code

    async def judged() -> list[int]:
        refused = [await post(**{"content-type": kind}) for kind in ("text/plain", "application/json; charset=latin1")]
        taken = [await post(**{"content-type": kind}) for kind in ("application/json", "application/x.y+json")]
        return [*refused, *taken, await post(**{"a!b": "1", "x-bin": "not base64!", "x-http-code": "500", "x-ok": "1"})]

    before = await judged()
    assert before == [415, 415, 200, 200, 200]
    for block in range(8):
        assert await post(**{f"x-{block}-{number}": "1" for number in range(90)}) == 200
    types = [f"application/json; v={number}" for number in range(300)]
    assert set(await asyncio.gather(*(post(**{"content-type": kind}) for kind in types))) == {200}
    assert await judged() == before


@pytest.mark.parametrize(("processes", "fewest", "most"), [("1", 1, 2), ("2", 5, 6)])
async def test_a_gateway_of_several_processes_is_called_by_several_connections(
    serve: Callable[..., Any], peers: fakes.Peers, tmp_path: Path, processes: str, fewest: int, most: int
) -> None:
    """Of 40 calls at once 8 go on each, less what the two threads of Envoy leave unfilled."""
    plan = make_plan(tmp_path, {"PULSE_GATEWAY_PROCESSES": processes})
    await serve(PULSE_LISTEN=plan.ports.address("grpc"))
    peers.router.gate.clear()
    async with (
        edge(plan) as client,
        httpx.AsyncClient(base_url=f"http://{plan.ports.address('envoy_admin')}") as admin,
    ):

        async def figure(name: str) -> int:
            answer = await admin.get("/stats", params={"filter": f"^cluster.pulse-gateway.upstream_{name}$"})
            return int(answer.text.rpartition(" ")[2])

        async def all_under_way() -> bool:
            return await figure("rq_active") == 40

        calls = [asyncio.create_task(client.post("/v1/notifications", json=SEND)) for _ in range(40)]
        await eventually(all_under_way)
        assert fewest <= await figure("cx_active") <= most
        peers.router.gate.set()
        assert {answer.status_code for answer in await asyncio.gather(*calls)} == {200}
