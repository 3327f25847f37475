"""One line a request, in the form of every other line."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from shared.observe import request_log, tracing
from shared.observe.request_log import RequestLog
from tests.support import eventually


@pytest.fixture(autouse=True)
def info() -> Iterator[None]:
    root = logging.getLogger()
    before = root.level
    root.setLevel("INFO")
    yield
    root.setLevel(before)


async def test_a_line_says_what_was_asked_how_it_ended_and_whose_it_was() -> None:
    written: list[str] = []
    log = RequestLog("gateway", written.append)
    log.begin()
    tracing.activate(tracing.Tracer(lambda _: None).start("call", "00-" + "a" * 32 + "-" + "b" * 16 + "-01"))
    request_log.note("notification_id", "n-1")
    request_log.note("tenant", "")
    log.end("/pulse.gateway.v1.NotificationService/SendNotification", "OK", 0.0123)
    await eventually(lambda: written)
    line = json.loads(written[0])
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "role": "gateway",
        "event": "request",
        "level": "info",
        "method": "/pulse.gateway.v1.NotificationService/SendNotification",
        "code": "OK",
        "ms": 12.3,
        "trace_id": "a" * 32,
        "notification_id": "n-1",
    }


async def test_lines_that_come_together_are_written_together() -> None:
    written: list[str] = []
    log = RequestLog("gateway", written.append)
    for _ in range(3):
        log.begin()
        log.end("/m", "OK", 0.001)
    await eventually(lambda: written)
    assert len(written) == 1
    assert [json.loads(line)["code"] for line in written[0].splitlines()] == ["OK"] * 3


async def test_nothing_is_written_where_only_warnings_are() -> None:
    logging.getLogger().setLevel("WARNING")
    written: list[str] = []
    log = RequestLog("gateway", written.append)
    log.begin()
    log.end("/m", "OK", 0.001)
    log.flush()
    assert written == []
