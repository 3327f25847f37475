"""What stands around Pulse and talks to its front door: load balancers, browsers, and clients with habits."""

from __future__ import annotations

import dataclasses
import gzip
import zlib
from functools import partial

import httpx
import pytest
from grpc_health.v1 import health_pb2

from services.local.config import LocalSettings
from services.local.envoy import cors, process
from services.local.roles import ENVOY
from shared.config import ConfigError
from tests.local.edge_backend import SEND, assert_error
from tests.support import eventually

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
APP, OTHER = "https://app.example.com", "https://other.example.com"
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "content-type,idempotency-key"}


async def _status(rest: httpx.AsyncClient, wanted: int) -> bool:
    return (await rest.get("/healthz")).status_code == wanted


async def test_a_load_balancer_hears_whether_a_gateway_is_well(backend, rest):
    await eventually(partial(_status, rest, 200))
    for method, path in (("GET", "/healthz?from=lb"), ("HEAD", "/healthz"), ("GET", "/healthz/")):
        assert (await rest.request(method, path)).status_code == 200, (method, path)
    await backend.tell_health("", NOT_SERVING)
    await eventually(partial(_status, rest, 503))
    assert_error(await rest.get("/healthz"), 503, 14, "UNAVAILABLE")
    assert (await rest.head("/healthz")).status_code == 503
    await backend.tell_health("", SERVING)
    await eventually(partial(_status, rest, 200))


async def test_without_a_gateway_it_is_not_well(rest):
    await eventually(partial(_status, rest, 503))


async def test_an_answer_to_head_has_no_body(rest):
    for path in ("/", "/v1/notifications", "/v2"):
        assert (await rest.head(path)).status_code == 404
        assert (await rest.get("/v2")).status_code == 404, "the connection is still understood"


ENCODINGS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": bytes,
    "zstd": bytes,
    "gzip, identity": bytes,
    "GZIP": bytes,
}


@pytest.mark.parametrize("path", ["/v1/notifications", "/api/notifications/send/"])
async def test_a_compressed_body_is_refused_and_why(backend, rest, path):
    for encoding, compress in ENCODINGS.items():
        answer = await rest.post(path, content=compress(b"{}"), headers={"content-encoding": encoding})
        assert_error(answer, 415, 3, "UNSUPPORTED_MEDIA_TYPE")
        assert "Content-Encoding" in answer.json()["message"]
    assert backend.request is None
    assert (await rest.post(path, json=SEND, headers={"content-encoding": "identity"})).status_code < 300


async def test_a_byte_order_mark_is_no_part_of_the_body(backend, rest):
    answer = await rest.post("/v1/notifications", content=b'\xef\xbb\xbf{"user_id": "u\xc3\xbc"}')
    assert (answer.status_code, backend.request.user_id) == (200, "uü")
    chunked = await rest.post("/v1/notifications", content=_pieces(b"\xef", b"\xbb\xbf{", b'"user_id": "w"}'))
    assert (chunked.status_code, backend.request.user_id) == (200, "w")


async def _pieces(*pieces: bytes):
    for piece in pieces:
        yield piece


async def test_what_is_not_utf_8_is_refused(backend, rest):
    for charset in ("utf-16", "iso-8859-1", '"latin1"', "windows-1252"):
        answer = await rest.post(
            "/v1/notifications", content=b"{}", headers={"content-type": f"application/json; charset={charset}"}
        )
        assert_error(answer, 415, 3, "UNSUPPORTED_MEDIA_TYPE")
    for encoding in ("utf-16", "utf-16-le", "utf-32"):
        answer = await rest.post("/v1/notifications", content='{"user_id": "u"}'.encode(encoding))
        assert_error(answer, 400, 3, "MALFORMED_REQUEST")
    assert backend.request is None
    for charset in ("utf-8", "UTF-8", '"utf-8"', "us-ascii"):
        answer = await rest.post(
            "/v1/notifications", content=b"{}", headers={"content-type": f"application/json;charset={charset}"}
        )
        assert answer.status_code == 200, charset


@pytest.fixture
def origins() -> str:
    return f"{APP}, http://localhost:3000"


@pytest.fixture
async def browser(plan, supervised, origins):
    """A client of an edge that lets pages of ``origins`` in."""
    plan = dataclasses.replace(plan, base={**plan.base, "PULSE_CORS_ORIGINS": origins})
    async with supervised(dataclasses.replace(ENVOY, prepare=lambda _: process.prepare(plan))):
        async with httpx.AsyncClient(base_url=plan.public_url(), timeout=10) as client:
            yield client


def allowed(answer: httpx.Response) -> str | None:
    return answer.headers.get("access-control-allow-origin")


@pytest.mark.parametrize("path", ["/v1/notifications", "/api/notifications/send/", "/v1/recipients/u/preferences"])
async def test_a_page_of_a_known_origin_may_ask_and_call(backend, browser, path):
    for origin in (APP, "http://localhost:3000"):
        asked = await browser.options(path, headers={"origin": origin, **PREFLIGHT})
        assert (asked.status_code, allowed(asked)) == (200, origin)
        assert {"POST", "PUT", "DELETE"} <= set(asked.headers["access-control-allow-methods"].split(", "))
        sent = set(asked.headers["access-control-allow-headers"].split(", "))
        assert {"authorization", "x-api-key", "idempotency-key", "content-type"} <= sent
        assert asked.headers["access-control-max-age"] == "600"
        assert "access-control-allow-credentials" not in asked.headers
    called = await browser.post("/v1/notifications", json=SEND, headers={"origin": APP})
    assert (called.status_code, allowed(called)) == (200, APP)
    assert "retry-after" in called.headers["access-control-expose-headers"]


async def test_it_may_read_errors_too(backend, browser):
    for body in (b"{bad", b'{"schedule_at": 1}', b'{"user_id": {}}'):
        refused = await browser.post("/v1/notifications", content=body, headers={"origin": APP})
        assert (refused.status_code, allowed(refused)) == (400, APP)
    limited = await browser.post(
        "/api/notifications/send/", json={**SEND, "user_id": "limited"}, headers={"origin": APP}
    )
    assert (limited.status_code, allowed(limited)) == (429, APP)


async def test_other_pages_may_not(backend, browser):
    for origin in (OTHER, "null", APP + ".evil.example", "http://app.example.com", APP + ":8443"):
        asked = await browser.options("/v1/notifications", headers={"origin": origin, **PREFLIGHT})
        assert (asked.status_code, allowed(asked)) == (404, None), origin
        called = await browser.get("/v1/notifications", headers={"origin": origin})
        assert allowed(called) is None


@pytest.mark.parametrize("origins", ["*"])
async def test_any_page_may_if_so_set(backend, browser):
    asked = await browser.options("/v1/notifications", headers={"origin": OTHER, **PREFLIGHT})
    assert (asked.status_code, allowed(asked)) == (200, OTHER)


async def test_without_the_setting_no_page_may(backend, rest):
    asked = await rest.options("/v1/notifications", headers={"origin": APP, **PREFLIGHT})
    assert_error(asked, 404, 5, "UNKNOWN_PATH")
    assert allowed(await rest.get("/v1/notifications", headers={"origin": APP})) is None


NO_ORIGINS = ["app.example.com", f"{APP}/", f"{APP}/page", "https://*.example.com", "https://A.example", "https://a b"]


@pytest.mark.parametrize("text", NO_ORIGINS)
def test_what_is_no_origin_stops_the_start(text):
    with pytest.raises(ConfigError, match="is no origin"):
        LocalSettings.load({"PULSE_CORS_ORIGINS": f"{APP},{text}"})


@pytest.mark.parametrize(
    "text, found", [("", []), (" , ", []), (f"{APP},{OTHER}", [APP, OTHER]), ("http://[::1]:80", ["http://[::1]:80"])]
)
def test_origins_stand_between_commas(text, found):
    assert cors.origins(text) == found
