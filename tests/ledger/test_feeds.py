"""What gateways and routers keep copies of is told whole, page by page, and then only as it changes."""

from __future__ import annotations

from typing import Any

import psycopg

from pulse.ledger.v1 import ledger_reader_pb2
from services.gateway.door.accepted_keys import AcceptedKeys
from services.gateway.door.key_polling import KeyPolling
from shared import secret_keys
from shared.rpc.channels import call
from tests.ledger.calls import Calls
from tests.ledger.conftest import NOON
from tests.ledger.test_api_keys import created, ended
from tests.ledger.test_limits import forget, limit, set_limit

#: More than three pages of a gateway's.
MANY = 3_300


def add_keys(database: Any, count: int) -> None:
    """As if ten tenants had made so many."""
    database.execute(
        "INSERT INTO api_keys (tenant_id, key_id, name, scopes, digest, created_at) SELECT "
        "'tenant-' || n % 10, 'pulse_' || lpad(to_hex(n), 16, '0'), 'k', '{send}', sha256(n::text::bytea), "
        f"'{NOON.isoformat()}' FROM generate_series(1, {count}) AS n"
    )


async def key_pages(calls: Calls, known: int = 0, size: int = 1_000) -> list[ledger_reader_pb2.ListKeysResponse]:
    pages = []
    while not pages or pages[-1].more:
        request = ledger_reader_pb2.ListKeysRequest(known_revision=known, page_size=size)
        pages.append(await call(calls.reader.ListKeys, request))
        known = pages[-1].revision
    return pages


async def test_all_keys_are_told_once_in_pages_that_have_room(calls: Calls, database: Any):
    add_keys(database, MANY)
    pages = await key_pages(calls)
    assert [len(page.keys) for page in pages] == [1_000, 1_000, 1_000, 300]
    assert len({record.key.key_id for page in pages for record in page.keys}) == MANY
    assert all(page.is_page and page.ByteSize() < 1 << 20 for page in pages)


async def test_later_only_what_changed_is_told_and_what_was_revoked_too(calls: Calls, database: Any):
    add_keys(database, MANY)
    known = (await key_pages(calls))[-1].revision
    assert [len(page.keys) for page in await key_pages(calls, known)] == [0]
    made, gone = await created(calls, "new"), await created(calls, "gone")
    await ended(calls, gone)
    (page,) = await key_pages(calls, known)
    assert {record.key.key_id: record.key.HasField("revoke_time") for record in page.keys} == {
        made.key_id: False,
        gone.key_id: True,
    }
    accepted = [one.key for page in await key_pages(calls) for one in page.keys if not one.key.HasField("revoke_time")]
    assert made.key_id in {key.key_id for key in accepted} and gone.key_id not in {key.key_id for key in accepted}


async def test_a_change_that_is_not_committed_yet_is_told_with_the_next_one(calls: Calls, migrated_url: str):
    """A revision that another transaction has taken and not committed must not be passed over."""
    with psycopg.connect(migrated_url) as slow:
        slow.execute(
            "INSERT INTO api_keys (tenant_id, key_id, name, scopes, digest, created_at) "
            "VALUES ('acme', 'pulse_slow', 'k', '{send}', '\\x00', now())"
        )
        before = (await key_pages(calls))[-1]
        slow.commit()
    (page,) = await key_pages(calls, before.revision)
    assert [record.key.key_id for record in page.keys] == ["pulse_slow"]


class Gateway:
    """A gateway's keys, asked for when the test says so."""

    def __init__(self, calls: Calls) -> None:
        self.now = 100.0
        self.keys = AcceptedKeys((), stale_seconds=10.0, monotonic=lambda: self.now)
        self.polling = KeyPolling(calls.reader, self.keys, seconds=3600)

    async def ask(self) -> None:
        await self.polling._poll()


async def test_a_revoked_key_among_very_many_is_refused_after_the_next_question(calls: Calls, database: Any):
    add_keys(database, MANY)
    gateway = Gateway(calls)
    made = secret_keys.make()
    database.execute(
        "INSERT INTO api_keys (tenant_id, key_id, name, scopes, digest, created_at) VALUES "
        f"('acme', '{made.key_id}', 'k', '{{send}}', '\\x{made.digest.hex()}', '{NOON.isoformat()}')"
    )
    await gateway.ask()
    assert gateway.keys.find(made.secret)
    database.execute(f"UPDATE api_keys SET revoked_at = '{NOON.isoformat()}' WHERE key_id = '{made.key_id}'")
    await gateway.ask()
    assert not gateway.keys.find(made.secret)


async def test_a_database_that_was_replaced_is_asked_for_all_again(calls: Calls, database: Any):
    gateway = Gateway(calls)
    add_keys(database, 3)
    await gateway.ask()
    database.execute("DELETE FROM api_keys")
    database.execute("UPDATE revisions SET revision = 0 WHERE subject = 'keys'")
    other = await created(calls, "restored")
    await gateway.ask()
    assert set(gateway.keys._of_ledger) == {other.key_id}


async def test_keys_that_were_not_confirmed_for_too_long_are_stale(calls: Calls, database: Any):
    gateway = Gateway(calls)
    assert not gateway.keys.stale, "who was never told says so in another way"
    await gateway.ask()
    gateway.now += 9
    assert not gateway.keys.stale
    gateway.now += 2
    assert gateway.keys.stale
    await gateway.ask()
    assert not gateway.keys.stale


async def test_limits_are_told_in_pages_and_deleted_ones_too(calls: Calls):
    for number in range(5):
        await set_limit(calls, limit("USER_CHANNEL", subject=f"template-{number}", tenant_id="acme"))
    told, known = {}, 0
    while True:
        request = ledger_reader_pb2.ListLimitsRequest(known_revision=known, page_size=2)
        page = await call(calls.reader.ListLimits, request)
        told |= {one.limit_id: one for one in page.limits}
        known = page.revision
        if not page.more:
            break
    assert len(told) == 5
    await forget(calls, "acme", "user_channel:template-3")
    await set_limit(calls, limit("USER_CHANNEL", 9, subject="template-1", tenant_id="acme"))
    request = ledger_reader_pb2.ListLimitsRequest(known_revision=known, page_size=100)
    page = await call(calls.reader.ListLimits, request)
    assert [(one.limit_id, one.amount) for one in page.limits] == [("user_channel:template-1", 9)]
    assert [one.limit_id for one in page.deleted] == ["user_channel:template-3"]
    await set_limit(calls, limit("USER_CHANNEL", 3, subject="template-3", tenant_id="acme"))
    whole = await call(calls.reader.ListLimits, ledger_reader_pb2.ListLimitsRequest(tenant_id="acme"))
    assert len(whole.limits) == 5, "one that is set again is there again"
