"""Files as the ledger keeps them."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from typing import Any

import pytest

from pulse.common.v1.attachment_pb2 import StoredAttachment
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2
from services.ledger.config import LedgerSettings
from services.ledger.postgres import tenancy
from services.ledger.postgres.postgres import Postgres
from services.ledger.stores import attachment_store
from services.ledger.stores.attachment_store import AttachmentStore
from shared.errors import Code, PulseError
from shared.rpc.channels import call
from shared.times import to_timestamp
from tests.ledger.calls import Calls, moment
from tests.ledger.conftest import NOON

DAY = dt.timedelta(days=1)


async def put(calls: Calls, content: bytes = b"x", tenant_id: str = "acme", until: Any = None) -> StoredAttachment:
    sha256 = hashlib.sha256(content).hexdigest()
    wanted = StoredAttachment(
        attachment_id=f"att_{sha256[:8]}", filename="a.txt", content_type="text/plain", size=len(content), sha256=sha256
    )
    request = ledger_admin_pb2.PutAttachmentRequest(
        tenant_id=tenant_id, attachment=wanted, content=content, needed_until=until and to_timestamp(until)
    )
    return (await call(calls.admin.PutAttachment, request)).attachment


async def kept(calls: Calls, *ids: str, tenant_id: str = "acme", until: Any = None) -> list[StoredAttachment]:
    request = ledger_admin_pb2.KeepAttachmentsRequest(
        tenant_id=tenant_id, attachment_ids=ids, needed_until=until and to_timestamp(until)
    )
    return list((await call(calls.admin.KeepAttachments, request)).attachments)


async def got(calls: Calls, attachment_id: str, tenant_id: str = "acme") -> bytes:
    request = ledger_reader_pb2.GetAttachmentRequest(
        tenant_id=tenant_id, attachment_id=attachment_id, with_content=True
    )
    return (await call(calls.reader.GetAttachment, request)).content


async def test_a_file_comes_back_byte_for_byte(calls: Calls):
    for content in (b"\x00\xff" * 1000, bytes(10 * 2**20)):
        stored = await put(calls, content)
        assert await got(calls, stored.attachment_id) == content


async def test_the_same_bytes_are_kept_once_and_for_longer(calls: Calls, clock: Any, database: Any):
    first = await put(calls)
    clock.advance(3 * DAY.total_seconds())
    again = await put(calls)
    assert moment(again.create_time) == NOON
    assert moment(again.expire_time) - moment(first.expire_time) == 3 * DAY
    assert database.rows("SELECT count(*) FROM attachments") == [(1,)]


async def test_a_file_of_another_tenant_is_not_there(calls: Calls):
    stored = await put(calls, tenant_id="other")
    assert await kept(calls, stored.attachment_id) == []
    with pytest.raises(PulseError) as caught:
        await got(calls, stored.attachment_id)
    assert (caught.value.code, caught.value.reason) == (Code.NOT_FOUND, "ATTACHMENT_NOT_FOUND")


async def test_a_file_outlives_what_needs_it_and_then_is_gone(calls: Calls, clock: Any):
    """However late the notification may be sent."""
    stored = await put(calls)
    send_at = NOON + 300 * DAY
    (moved,) = await kept(calls, stored.attachment_id, until=send_at)
    assert moment(moved.expire_time) >= send_at + 37 * DAY
    clock.advance((337 * DAY).total_seconds())
    assert await got(calls, stored.attachment_id) == b"x"
    clock.advance((2 * DAY).total_seconds())
    with pytest.raises(PulseError):
        await got(calls, stored.attachment_id)
    assert await kept(calls, stored.attachment_id) == []


async def test_a_file_that_is_sent_often_is_moved_on_once_a_day(calls: Calls, clock: Any):
    stored = await put(calls)
    clock.advance(3600)
    (same,) = await kept(calls, stored.attachment_id)
    assert same.expire_time == stored.expire_time
    clock.advance(24 * 3600)
    (moved,) = await kept(calls, stored.attachment_id)
    assert moment(moved.expire_time) == NOON + DAY + dt.timedelta(hours=1) + 38 * DAY


async def test_what_is_over_is_deleted(calls: Calls, settings: LedgerSettings, database: Any):
    await put(calls)
    database.execute(attachment_store.PURGE % {"before": f"'{(NOON + 37 * DAY).isoformat()}'", "limit": 10})
    assert database.rows("SELECT count(*) FROM attachments") == [(1,)]
    database.execute(attachment_store.PURGE % {"before": f"'{(NOON + 38 * DAY).isoformat()}'", "limit": 10})
    assert database.rows("SELECT count(*) FROM attachments") == [(0,)]


@pytest.mark.parametrize(
    ("more", "size"), [({"ledger_most_attachments": 3}, 10), ({"ledger_attachments_mib": 1}, 300 * 1024)]
)
async def test_a_tenant_keeps_so_many_and_so_many_bytes_and_no_more(
    calls: Calls, settings: LedgerSettings, clock: Any, more: dict[str, int], size: int
):
    """Also when they come at once; what is there already may always come again."""
    postgres = Postgres(settings)
    await postgres.open()
    tenancy.enter(frozenset({"acme"}))
    store = AttachmentStore(postgres, clock, settings.model_copy(update=more))

    async def one(n: int) -> Any:
        wanted = attachment_store.StoredAttachment(f"att_{n}", "", "a/b", size, "", "", NOON, NOON)
        return await store.put("acme", wanted, bytes(size), None)

    try:
        answers = await asyncio.gather(*map(one, range(6)), return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, PulseError)]
        assert [error.reason for error in refused] == ["TOO_MANY_ATTACHMENTS"] * 3
        there = next(answer for answer in answers if not isinstance(answer, BaseException))
        await one(int(there.attachment_id.removeprefix("att_")))
    finally:
        await postgres.close()
