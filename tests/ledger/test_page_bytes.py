"""A page that is allowed is had, however large its rows are: it ends earlier, and says where to go on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc.aio
import pytest

from pulse.common.v1 import enums_pb2, recipient_pb2, template_pb2
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2, ledger_reader_pb2_grpc
from services.ledger.rpc import pages
from services.ledger.server import Ledger
from shared.clock import FixedClock
from shared.errors import PulseError
from shared.rpc.channels import call
from tests.ledger.calls import TENANT, Calls, Outcome

#: What gRPC's own clients take, bytes.
MOST = 4 * 2**20
#: As much as the contract lets a caller say of a notification: 18 kB, or 72 kB where a letter takes four bytes.
WIDE = {f"key-{n:060}": "x" * 512 for n in range(32)}
WIDEST = {f"key-{n:060}": "😀" * 512 for n in range(32)}

List = Callable[[int, str], Awaitable[tuple[list[str], Any]]]


@pytest.fixture
async def reader(ledger: Ledger) -> Any:
    """A client that takes no more than gRPC's own do."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{ledger.port}") as channel:
        yield ledger_reader_pb2_grpc.LedgerReaderStub(channel)


async def all_pages(read: Callable[..., Any], request: Any, rows: str) -> tuple[list[Any], int]:
    """Everything, page by page, and how many pages there were."""
    found: list[Any] = []
    count = 0
    while True:
        answer = await call(read, request)
        count += 1
        assert answer.ByteSize() < MOST
        page = list(getattr(answer, rows))
        assert len(page) <= request.page_size
        found += page
        if not answer.next_page_token:
            return found, count
        assert page
        request.page_token = answer.next_page_token


@pytest.mark.parametrize(("metadata", "number"), [(WIDE, 300), (WIDEST, 60), ({}, 300)])
async def test_notifications_and_dead_letters(
    metadata: dict[str, str], number: int, calls: Calls, clock: FixedClock, reader: Any
) -> None:
    entries = [calls.entry(metadata=metadata, max_attempts=1) for _ in range(number)]
    for first in range(0, number, 100):
        await calls.record(*entries[first : first + 100])
        for claimed in await calls.claim(*[one.ref for one in entries[first : first + 100]]):
            await calls.end(claimed, Outcome.PERMANENT_FAILURE)
            clock.advance(0.001)
    wanted = [one.ref.notification_id for one in entries]
    for read, request, rows in (
        (reader.ListNotifications, ledger_reader_pb2.ListNotificationsRequest, "notifications"),
        (reader.ListDeadLetters, ledger_reader_pb2.ListDeadLettersRequest, "dead_letters"),
    ):
        found, count = await all_pages(read, request(tenant_id=TENANT, page_size=1000), rows)
        assert sorted(one.notification_id for one in found) == sorted(wanted)
        assert (count > 1) is bool(metadata)


async def test_suppressions(calls: Calls, reader: Any, database: Any) -> None:
    database.execute(
        "INSERT INTO suppressions SELECT 'acme', 'user-1', sha256(n::text::bytea), gen_random_uuid(), 'PUSH', "
        "repeat('t', 4096), repeat('c', 64), 'MANUAL', now() FROM generate_series(1, 1000) n"
    )
    request = ledger_reader_pb2.ListSuppressionsRequest(tenant_id=TENANT, user_id="user-1", page_size=1000)
    found, count = await all_pages(reader.ListSuppressions, request, "suppressions")
    assert len({one.suppression_id for one in found}) == 1000
    assert count > 1


def template(name: str, contents: int) -> template_pb2.Template:
    said = [
        template_pb2.TemplateContent(channel=enums_pb2.EMAIL, locale=f"de-a{n:06}", body="b" * 65_536)
        for n in range(contents)
    ]
    return template_pb2.Template(name=name, channel=enums_pb2.EMAIL, contents=said)


async def test_templates(calls: Calls, reader: Any) -> None:
    names = [f"t-{n:03}" for n in range(30)]
    for name in names:
        request = ledger_admin_pb2.CreateTemplateRequest(tenant_id=TENANT, template=template(name, 8))
        await call(calls.admin.CreateTemplate, request)
    largest = ledger_admin_pb2.CreateTemplateRequest(tenant_id=TENANT, template=template("u-largest", 55))
    await call(calls.admin.CreateTemplate, largest)
    request = ledger_reader_pb2.ListTemplatesRequest(tenant_id=TENANT, page_size=1000)
    found, count = await all_pages(reader.ListTemplates, request, "templates")
    assert [one.name for one in found] == [*names, "u-largest"]
    assert count > 1


@pytest.mark.parametrize("method", ["CreateTemplate", "UpdateTemplate"])
async def test_a_template_that_could_not_be_shown_is_refused(calls: Calls, method: str) -> None:
    request = getattr(ledger_admin_pb2, f"{method}Request")(tenant_id=TENANT, template=template("large", 57))
    with pytest.raises(PulseError, match="TEMPLATE_TOO_LARGE"):
        await call(getattr(calls.admin, method), request)


async def test_the_last_of_a_long_timeline_are_told(calls: Calls, reader: Any, database: Any) -> None:
    ref = await calls.recorded()
    database.execute(
        "INSERT INTO events (tenant_id, notification_id, sequence, recorded_at, kind, status, decisions) "
        f"SELECT 'acme', '{ref.notification_id}', n, now(), 'DEFERRED', 'QUEUED', "
        "json_build_array(json_build_object('rule', 'r', 'result', 's', 'reason', repeat('x', 1000))) "
        "FROM generate_series(2, 6000) n"
    )
    answer = await call(reader.GetNotification, ledger_reader_pb2.GetNotificationRequest(ref=ref))
    told = [event.sequence for event in answer.notification.timeline]
    assert answer.ByteSize() < MOST
    assert told == list(range(told[0], 6001)) and len(told) > 1500


def rows(*sizes: int) -> list[recipient_pb2.Suppression]:
    """Messages of about so many bytes."""
    return [recipient_pb2.Suppression(address="a" * size) for size in sizes]


@pytest.mark.parametrize(
    ("sizes", "kept"),
    [((), 0), ((1,), 1), ((5 * 2**20,), 1), ((1, 5 * 2**20), 1), ((5 * 2**20, 1), 1), ((2**20, 2**20 - 50), 2)],
)
def test_one_is_told_at_the_least(sizes: tuple[int, ...], kept: int) -> None:
    messages = rows(*sizes)
    assert pages.newest(messages) == messages[len(messages) - kept :]
