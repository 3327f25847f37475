"""The front door: what Envoy, configured by ``deploy/envoy``, makes of calls to services that are stand-ins."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import grpc
import grpc.aio
import httpx
import pytest
from google.rpc import code_pb2

from pulse.gateway.v1 import notification_service_pb2 as notifications
from pulse.gateway.v1 import notification_service_pb2_grpc as notifications_grpc
from tests.local.edge_backend import SEND, assert_error


@pytest.mark.parametrize("path", ["/api/notifications/send/", "/api/notifications/send", "/api/notifications/send/?"])
async def test_the_original_paths_work_with_and_without_trailing_slash(backend, rest, path):
    answer = await rest.post(path, json={**SEND, "context": {"name": "John"}})
    assert (answer.status_code, answer.json()) == (202, {"notification_id": "n1", "status": "queued"})
    assert "x-http-code" not in answer.headers
    assert backend.request.context["name"] == "John"


async def test_an_enum_is_read_in_any_case_and_defaults_are_printed_in_snake_case(backend, rest):
    answer = await rest.post("/v1/notifications", json=SEND)
    assert answer.status_code == 200
    assert answer.json() == {"notification_id": "n1", "status": "STATUS_UNSPECIFIED", "replayed": False}
    assert backend.request.channel == 1


async def test_a_service_error_keeps_its_details(backend, rest):
    answer = await rest.post("/api/notifications/send/", json={**SEND, "user_id": "limited"})
    assert_error(answer, 429, code_pb2.RESOURCE_EXHAUSTED, "RATE_LIMITED")


async def test_trailing_metadata_of_an_error_become_headers_and_choose_the_status(backend, rest):
    answer = await rest.post("/api/notifications/send/", json={**SEND, "user_id": "throttled"})
    assert (answer.status_code, answer.headers["retry-after"]) == (422, "7")
    assert answer.json()["message"] == "too many"
    assert "x-http-code" not in answer.headers


async def test_internal_headers_of_a_caller_do_not_get_through(backend, rest):
    forged = {"x-pulse-tenant": "other", "x-http-code": "500", "grpc-timeout": "1n", "grpc-encoding": "gzip"}
    answer = await rest.post("/v1/notifications", json=SEND, headers={**forged, "x-api-key": "kept"})
    assert answer.status_code == 200
    assert [backend.seen(name) for name in ("x-pulse-tenant", "x-http-code", "grpc-encoding")] == [[], [], []]
    assert backend.seen("x-api-key") == ["kept"]


async def test_every_idempotency_key_header_gets_through(backend, rest):
    twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    await rest.post("/v1/notifications", json=SEND, headers=twice)
    assert backend.seen("idempotency-key") == ["a", "b"]


BAD_REQUESTS = {
    "malformed JSON": ("POST", "/v1/notifications", b"{bad", 400, 3, "MALFORMED_REQUEST"),
    "half a document": ("POST", "/api/notifications/send/", b'{"user_id": "u', 400, 3, "MALFORMED_REQUEST"),
    "a list where an object belongs": ("POST", "/v1/notifications", b"[]", 400, 3, "MALFORMED_REQUEST"),
    "a wrong type": ("POST", "/v1/notifications", b'{"user_id": {}}', 400, 3, "MALFORMED_REQUEST"),
    "an unknown enum": ("POST", "/v1/notifications", b'{"channel": "fax"}', 400, 3, "MALFORMED_REQUEST"),
    "a number beyond all bounds": ("GET", "/v1/notifications?page_size=1e400", b"", 400, 3, "MALFORMED_REQUEST"),
    "an unknown path": ("GET", "/v2/nothing", b"", 404, 5, "UNKNOWN_PATH"),
    "the root": ("GET", "/", b"", 404, 5, "UNKNOWN_PATH"),
    "a wrong method": ("PUT", "/v1/notifications", b"{}", 404, 5, "UNKNOWN_PATH"),
    "a guessed method": (
        "POST",
        "/pulse.gateway.v1.NotificationService/SendNotification",
        b"{}",
        404,
        5,
        "UNKNOWN_PATH",
    ),
    "a guessed internal method": ("POST", "/pulse.ledger.v1.LedgerService/Record", b"{}", 404, 5, "UNKNOWN_PATH"),
    "a body too large": (
        "POST",
        "/v1/notifications",
        b'{"to": "' + b"x" * 4_194_304 + b'"}',
        413,
        3,
        "REQUEST_TOO_LARGE",
    ),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
async def test_bad_requests_get_a_json_error(backend, rest, name):
    method, path, body, status, code, reason = BAD_REQUESTS[name]
    answer = await rest.request(method, path, content=body, headers={"content-type": "application/json"})
    assert_error(answer, status, code, reason)
    assert backend.request is None


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "application/grpcx",
        "application/grpc-web",
        "Application/gRPC;x",
        "",
    ],
)
async def test_a_body_that_does_not_claim_to_be_json_is_refused(backend, rest, kind):
    answer = await rest.post("/v1/notifications", content=b"{}", headers={"content-type": kind})
    assert_error(answer, 415, 3, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_body_of_nearly_the_largest_size_gets_through(backend, rest):
    answer = await rest.post("/v1/notifications", json={**SEND, "context": {"text": "x" * (4 * 1024 * 1024 - 1000)}})
    assert answer.status_code == 200, answer.text


async def test_a_gateway_that_is_down_is_a_json_503(rest):
    answer = await rest.post("/v1/notifications", json=SEND)
    assert_error(answer, 503, 14, "UNAVAILABLE")


async def test_an_encoded_slash_belongs_to_the_value(backend, rest):
    answer = await rest.get("/v1/recipients/team%2Fjohn/preferences")
    assert answer.status_code == 200
    assert backend.request.user_id == "team/john"


async def test_a_watch_streams_line_by_line(backend, rest):
    async with rest.stream("GET", "/v1/notifications/n1:watch") as answer:
        lines = answer.aiter_lines()
        first = await anext(lines)
        backend.release.set()
        rest_of_them = [line async for line in lines if line]
    assert (first[0], len(rest_of_them)) == ("{", 1)


async def test_watches_have_connections_and_a_bound_of_their_own(backend, rest, plan):
    """As many as there may be leave the calls of others, and their health checks, all their room."""
    page = f"http://{plan.ports.address('envoy_admin')}/stats"
    async with contextlib.AsyncExitStack() as stack, httpx.AsyncClient() as admin:
        over_rest = [rest.stream("GET", "/v1/notifications/n1:watch") for _ in range(5)]
        lines = [(await stack.enter_async_context(watch)).aiter_lines() for watch in over_rest]
        assert all([await anext(one) for one in lines])
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(plan.ports.address("http")))
        stub = notifications_grpc.NotificationServiceStub(channel)
        asked = notifications.WatchNotificationRequest(notification_id="n1")
        watches = [stub.WatchNotification(asked) for _ in range(5)]
        await asyncio.gather(*(watch.read() for watch in watches))
        assert (await rest.get("/v1/notifications")).status_code == 200
        figures = await admin.get(page, params={"filter": r"^cluster\.pulse-gateway.*\.upstream_rq_active$"})
        told = dict(line.split(": ") for line in figures.text.splitlines())
        backend.release.set()
    active = {name: told[f"cluster.{name}.upstream_rq_active"] for name in ("pulse-gateway", "pulse-gateway-watch")}
    assert active == {"pulse-gateway": "0", "pulse-gateway-watch": "10"}


async def test_a_callback_reaches_the_delivery_service_raw(backend, rest):
    answer = await rest.post("/callbacks/twilio/default/n1", data={"MessageStatus": "delivered"})
    assert answer.status_code == 200
    assert backend.request.body.data == b"MessageStatus=delivered"
    assert (backend.request.tenant_id, backend.request.notification_id) == ("default", "n1")


@pytest.mark.parametrize("place", [("", ""), ("default", "n1")])
async def test_a_provider_without_a_call_of_its_own_reports_by_its_name(backend, rest, place):
    path = "/".join(filter(None, ("/callbacks/mailgun", *place)))
    answer = await rest.post(path, content=b'{"event": "delivered"}', headers={"content-type": "application/json"})
    assert answer.status_code == 200
    asked = backend.request
    assert (asked.provider, asked.tenant_id, asked.notification_id) == ("mailgun", *place)
    assert asked.body.data == b'{"event": "delivered"}'


async def test_a_callback_may_bring_any_query_which_goes_along_unread(backend, rest):
    queries = [
        "",
        "notification_id=n1",
        "notification_id=n1&utm_source=x",
        "notification_id=other",
        "a=1&a=2&%zz=+",
        "?&=",
    ]
    for path in ("/callbacks/twilio/default/n1", "/callbacks/ses", "/callbacks/ses/"):
        for query in queries:
            answer = await rest.post(f"{path}?{query}", content=b"x=y", headers={"x-pulse-query": "forged"})
            assert answer.status_code == 200, (path, query)
            assert backend.request.body.data == b"x=y"
            assert dict(backend.metadata).get("x-pulse-query", "") == query
    assert not dict(backend.metadata)["x-envoy-original-path"].count("?")


async def test_native_grpc_passes_on_the_same_port_but_only_to_the_public_services(plan, backend, rest):
    async with grpc.aio.insecure_channel(plan.ports.address("http")) as channel:
        stub = notifications_grpc.NotificationServiceStub(channel)
        answer = await stub.SendNotification(notifications.SendNotificationRequest(user_id="u1"))
        assert answer.notification_id == "n1"
        forged = (("x-envoy-original-path", "/callbacks/x"), ("x-pulse-tenant", "other"))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            call = channel.unary_unary("/pulse.delivery.v1.ReceiptService/ReceiveTwilioReceipt")
            await call(b"", metadata=forged)
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_headers_beyond_all_bounds_are_refused(backend, rest):
    answer = await rest.get("/v1/notifications", headers={"x-large": "x" * 70_000})
    assert_error(answer, 431, 3, "HEADERS_TOO_LARGE")


async def test_http_1_0_is_served(plan, backend, rest):
    with contextlib.closing(socket.create_connection(("127.0.0.1", plan.ports.http), timeout=5)) as line:
        line.sendall(b"GET /v1/recipients/u1/preferences HTTP/1.0\r\n\r\n")
        answer = await asyncio.to_thread(line.recv, 1024)
    assert answer.startswith((b"HTTP/1.0 200", b"HTTP/1.1 200"))


async def test_what_is_not_http_is_turned_away(plan, rest):
    with contextlib.closing(socket.create_connection(("127.0.0.1", plan.ports.http), timeout=5)) as line:
        line.sendall(b"NONSENSE\r\n\r\n")
        assert line.recv(1024).startswith(b"HTTP/1.1 400")
