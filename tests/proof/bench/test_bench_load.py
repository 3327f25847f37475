"""The load generator's parts do what a figure is taken to mean."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from proof.bench import children, records
from proof.bench.__main__ import arguments, sizes_of
from proof.bench.asks import KINDS, Asks
from proof.bench.callers import rest
from proof.bench.rows.failover import Seen, judged, read
from proof.bench.sizes import SHORT, Sizes
from proof.bench.spec import Result, Spec
from pulse.common.v1 import enums_pb2
from pulse.gateway.v1 import notification_service_pb2 as api
from pulse_client.testing import FakeGateway
from tests.delivery.conftest import Sandbox, run_sandbox

PATIENCE_S = 60.0


def test_every_notification_has_a_user_a_key_and_an_address_of_its_own() -> None:
    """So that no limit and no idempotency key stands in the way."""
    asks = [api.SendNotificationRequest.FromString(raw) for raw in Asks("p").singles(range(50))]
    for field in ("user_id", "idempotency_key", "to"):
        assert len({getattr(ask, field) for ask in asks}) == 50


def test_kinds_of_notifications_have_templates_of_their_own_and_addresses_of_their_channels() -> None:
    asks = {kind: Asks("p", kind=kind).single(7) for kind in KINDS}
    assert {kind: enums_pb2.Channel.Name(ask.channel) for kind, ask in asks.items()} == {
        "email": "EMAIL",
        "html": "EMAIL",
        "push": "PUSH",
    }
    assert len({ask.template_name for ask in asks.values()}) == len(KINDS)
    assert asks["push"].to == "p:7"


@pytest.fixture(scope="module")
def look_alikes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with run_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.mark.parametrize(
    ("program", "kinds", "provider"),
    [("smtp_loop", ["email"], "smtp"), ("smtp_loop", ["html"], "smtp"), ("http_loop", [], "fcm")],
)
async def test_a_floor_of_deliveries_is_what_a_look_alike_takes_from_a_bare_client(
    look_alikes: Sandbox, program: str, kinds: list[str], provider: str
) -> None:
    look_alikes.call("DELETE", "/api/receipts")
    port = look_alikes.smtp_port if provider == "smtp" else int(look_alikes.http.rpartition(":")[2])
    output = await children.output(f"proof.bench.{program}", str(port), "40", *kinds, patience_s=PATIENCE_S)
    assert float(output) > 0
    receipts = look_alikes.receipts()
    assert len(receipts) == 40
    assert {(one["provider"], bool(one["html_body"])) for one in receipts} == {(provider, kinds == ["html"])}


def test_batches_hold_all_notifications_once() -> None:
    batches = [api.BatchSendNotificationsRequest.FromString(raw) for raw in Asks("p").batches(range(7), 3)]
    assert [len(batch.requests) for batch in batches] == [3, 3, 1]


def test_specs_and_results_survive_their_way_between_processes() -> None:
    spec = Spec("single", "h:1", "p", 5, rate=2.5)
    assert Spec.from_json(spec.to_json()) == spec
    result = Result(2.0, 0.1, 7, 4, {"UNAVAILABLE": 1}, 0, [1.5], [("id", 8)])
    assert Result.from_json(result.to_json()) == result
    assert result.rate == 2.0


async def test_the_generator_keeps_calls_under_way_and_times_them() -> None:
    """Against the server that only answers: every call is counted, and the warm-up is not."""
    async with children.module("proof.bench.echo_server") as server:
        assert server.stdout is not None
        address = f"127.0.0.1:{int(await server.stdout.readline())}"
        result = await children.generate(Spec("echo", address, "p", 200, warm=20, in_flight=10), PATIENCE_S)
    assert (result.accepted, len(result.latencies), result.refused) == (200, 200, {})
    assert 0 < result.cpu_seconds < result.seconds * 2


async def test_the_client_of_programs_gathers_what_its_callers_send() -> None:
    with FakeGateway(api_key="k") as gateway:
        spec = Spec("gather", gateway.address, "p", 200, warm=20, in_flight=10, api_key="k")
        result = await children.generate(spec, PATIENCE_S)
        assert (result.accepted, len(result.latencies), result.refused) == (200, 200, {})
        assert len({one.idempotency_key for one in gateway.requests}) == 220
        gateway.refuse("RATE_LIMITED", times=3)
        again = await children.generate(Spec("gather", gateway.address, "q", 20, in_flight=10, api_key="k"), PATIENCE_S)
    assert (again.accepted, again.refused) == (17, {"RATE_LIMITED": 3})


async def test_the_generator_counts_refusals_by_code() -> None:
    result = await children.generate(Spec("echo", "127.0.0.1:1", "p", 2, in_flight=1), PATIENCE_S)
    assert (result.accepted, result.refused) == (0, {"UNAVAILABLE": 2})


async def test_rest_is_spoken_over_kept_connections_and_unavailable_is_tried_again() -> None:
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await head_of(reader):
            heads.append(head)
            status = b"503 Busy" if len(heads) == 1 else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    result = await rest.generate(Spec("rest", f"127.0.0.1:{port}", "p", 10, in_flight=2, api_key="k"))
    server.close()
    assert (result.accepted, result.refused, result.retried) == (10, {}, 1)
    assert all(b"X-API-Key: k\r\n" in head for head in heads)


async def head_of(reader: asyncio.StreamReader) -> bytes:
    """The head of the next request, its body read past; empty at the end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    json.loads(await reader.readexactly(length))
    return head


def test_records_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "records"
    assert (list(records.read(file)), records.count(file)) == ([], 0)
    ids = [f"01930000-0000-7000-8000-00000000000{number}" for number in range(3)]
    writer = records.RecordWriter(file)
    for number, id_ in enumerate(ids):
        writer.write(id_, number)
    writer.close()
    assert records.count(file) == 3
    assert list(records.read(file, 1)) == [records.Record(ids[1], 1), records.Record(ids[2], 2)]


def test_an_outage_is_judged_by_who_took_what_and_when() -> None:
    result = Result(ids=[("a", 10 * 10**9), ("b", 21 * 10**9), ("c", 22 * 10**9), ("d", 41 * 10**9), ("e", 42 * 10**9)])
    seen = [
        Seen("a", "smtp", 10.1),
        Seen("b", "ses", 23.0),
        Seen("c", "ses", 23.5),
        Seen("c", "ses", 24.0),
        Seen("d", "smtp", 44.0),
    ]
    found = judged(result, seen, failed_at=20.0, mended_at=40.0)
    assert found == {"lost": 1, "twice": 1, "moved": 3.0, "back": 4.0, "longest": 3.0}


def test_receipts_are_read_from_the_sandbox_s_log(tmp_path: Path) -> None:
    log = tmp_path / "receipts.jsonl"
    line = {"notification_id": "a", "provider": "ses", "received_at": "1970-01-01T00:00:02.500000Z", "to": "x"}
    log.write_text(json.dumps(line) + "\n")
    assert read(log) == [Seen("a", "ses", 2.5)]
    assert read(tmp_path / "none") == []


def test_options_change_sizes() -> None:
    assert sizes_of(arguments([])) == Sizes()
    assert sizes_of(arguments(["--short"])) == SHORT
    changed = sizes_of(arguments(["--runs", "5", "--ledger-rows", "10000000", "--scale", "0.5"]))
    assert (changed.runs, changed.rows, changed.drain) == (5, 10_000_000, Sizes().drain // 2)


async def test_no_child_outlives_its_block() -> None:
    async with children.module("proof.bench.echo_server") as server:
        pass
    assert server.returncode is not None
    began = time.monotonic()
    try:
        await children.output("proof.bench.echo_server", patience_s=1.0)
    except TimeoutError:
        assert time.monotonic() - began < 10
