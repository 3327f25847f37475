"""Batches as columns: PostgreSQL gets what was given, to the last bit, and finds rows by their keys."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from psycopg import _queries

from services.ledger.accept import record_sql
from services.ledger.accept.entries import Entry
from services.ledger.accept.entry_columns import Draft
from services.ledger.accept.initial_state import InitialState
from services.ledger.config import LedgerSettings
from services.ledger.move.rows import written
from services.ledger.postgres import columns, tenancy
from services.ledger.postgres.columns import Kind
from services.ledger.postgres.postgres import Postgres
from services.ledger.rules import claims
from services.ledger.rules.claims import Claim
from services.ledger.rules.delivery import Delivery, Guarantee, Lane
from services.ledger.rules.states import Status
from shared.channel.table import Channel
from shared.ids import uuid7
from tests.ledger.conftest import NOON

#: What would mean something to whoever reads arrays or JSON as text.
TEXTS = ("", "NULL", "null", '{"a", b}', "back\\slash", "'quoted'", '"quoted"', "two\nlines", "Grüße, 世界 🎉", "%(x)s")
TIMES = (
    NOON,
    NOON + dt.timedelta(microseconds=1),
    dt.datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC),
    dt.datetime(1, 1, 1, tzinfo=dt.UTC),
    dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC),
    dt.datetime(2026, 11, 23, 12, tzinfo=dt.timezone(dt.timedelta(hours=-9, minutes=-30))),
)
VALUES: list[tuple[Kind, Sequence[Any]]] = [
    (columns.TEXT, TEXTS),
    (columns.BYTES, (b"", b"\0\x01\xff", b"\\x00", bytes(range(256)))),
    (columns.INTEGER, (0, 1, -1, 2**31 - 1, -(2**31))),
    (columns.BIGINT, (0, -1, 2**63 - 1, -(2**63))),
    (columns.DOUBLE, (0.0, 12.5, -1e308, 5e-324, math.inf)),
    (columns.BOOLEAN, (True, False)),
    (columns.TIME, TIMES),
    (columns.TEXT.as_("status"), ("SENT", "QUEUED")),
    (columns.TEXTS, ([], ["smtp"], ["a", "b", "a"], list(TEXTS))),
    (columns.UUID, ("00000000-0000-0000-0000-000000000000", "01a2f6ac-6e00-7fff-bfff-ffffffffffff")),
]


@pytest.fixture
async def postgres(settings: LedgerSettings) -> AsyncIterator[Postgres]:
    postgres = Postgres(settings)
    await postgres.open()
    yield postgres
    await postgres.close()


async def read(postgres: Postgres, batch: columns.Batch, name: str) -> list[Any]:
    """What PostgreSQL makes of a column, by row."""
    statement = f"SELECT {batch.shape.values[name]} FROM {batch.shape.source}"

    async def work(connection: Any) -> list[Any]:
        return [row[0] for row in await (await connection.execute(statement, batch.parameters)).fetchall()]

    return await postgres.write(work)


@pytest.mark.parametrize(("kind", "values"), VALUES, ids=[kind.made.format(kind.type) for kind, _ in VALUES])
async def test_every_value_arrives_as_it_is(postgres: Postgres, kind: Kind, values: Sequence[Any]):
    many = [None, *values, None]
    batch = columns.batch("", [("key", columns.TEXT, ["acme"] * len(many))], [("a", kind, many)])
    assert [by_row for *_, by_row in batch.shape.columns] == [True, True]
    assert [str(one) if kind is columns.UUID and one else one for one in await read(postgres, batch, "a")] == many


@pytest.mark.parametrize(("kind", "values"), VALUES, ids=[kind.made.format(kind.type) for kind, _ in VALUES])
async def test_what_all_rows_have_alike_is_told_once(postgres: Postgres, kind: Kind, values: Sequence[Any]):
    for value in (values[-1], None):
        batch = columns.batch("", [("key", columns.TEXT, ["acme"] * 3)], [("a", kind, [value] * 3)])
        assert [by_row for *_, by_row in batch.shape.columns] == [True, False]
        found = await read(postgres, batch, "a")
        assert [str(one) if kind is columns.UUID and one else one for one in found] == [value] * 3


def waiting(tenant_id: str) -> Delivery:
    """One that was just accepted."""
    words = (Status.QUEUED, Channel.EMAIL, Lane.LOW, Guarantee.AT_LEAST_ONCE)
    numbers = (0, 0, 5, 0)
    texts = ("", "", "", "")
    return Delivery(
        tenant_id, uuid7(NOON), *words, ["smtp"], 5, None, NOON, NOON, None, *numbers, *texts, *[None] * 4, NOON, 1
    )


@pytest.mark.parametrize("tenants", [["acme"], ["acme"] * 40, ["acme", "bazaar"] * 20])
async def test_changes_find_their_rows_by_their_keys_whatever_they_share(postgres: Postgres, tenants: list[str]):
    """Also where all are one tenant's, and PostgreSQL takes its tables for nearly empty."""
    before = [waiting(tenant) for tenant in tenants]
    claim = Claim("worker-1", NOON + dt.timedelta(seconds=12))
    changes = [change for one in before if (change := claims.decide(one, claim, NOON)) is not None]
    assert len(changes) == len(before)
    query = written(changes, {one.ref: one for one in before}, NOON)

    async def work(connection: Any) -> list[Any]:
        return await (await connection.execute(f"EXPLAIN {query.text}", query.parameters)).fetchall()

    with tenancy.tenants(tenants):
        plan = "\n".join(row[0] for row in await postgres.write(work))
    conditions = [line for line in plan.splitlines() if "Index Cond" in line]
    assert conditions
    assert all("tenant_id" in line and "notification_id" in line for line in conditions), plan


def test_a_change_writes_what_it_changed_and_no_more():
    before = waiting("acme")
    change = claims.decide(before, Claim("worker-1", NOON + dt.timedelta(seconds=12)), NOON)
    assert change is not None
    text = written([change], {before.ref: before}, NOON).text
    assert all(f" {name} = " in text for name in ("status", "fence", "lease_until", "revision", "state_revision"))
    assert not any(f" {name} = " in text for name in ("route", "rests", "failure_code", "sent_at", "ready_at"))
    # Of a row that was not looked at, all is written.
    assert all(f" {name} = " in written([change], {}, NOON).text for name in ("route", "rests", "sent_at"))


@pytest.mark.parametrize(("kind", "values"), VALUES, ids=[kind.made.format(kind.type) for kind, _ in VALUES])
async def test_a_single_row_arrives_as_it_is(postgres: Postgres, kind: Kind, values: Sequence[Any]):
    for value in (*(one for one in values if one != math.inf), None):
        batch = columns.batch("", [("key", columns.TEXT, ["acme"])], [("a", kind, [value])])
        found = await read(postgres, batch, "a")
        assert [str(one) if kind is columns.UUID and one else one for one in found] == [value]


def drafts(count: int, **others: Any) -> list[Draft]:
    """Entries as they are recorded, alike but for their own; ``others`` is what the last has differently."""
    texts = ("en", {}, "orders", "trace", None, None)
    words = (Channel.EMAIL, Lane.LOW, Guarantee.AT_LEAST_ONCE)
    asked = [
        Entry(
            *("acme", uuid7(NOON), "user-1", "shipped", 1, "ada@example.com", "", "{}", f"key-{number}", b"mark"),
            *(*texts, *words, ["smtp"], 5, [], False),
        )
        for number in range(count)
    ]
    asked[-1] = asked[-1]._replace(**others)
    return [Draft(one, InitialState(Status.QUEUED, NOON, NOON, []), 5, NOON) for one in asked]


#: What one entry of a batch may have differently from the others, by the groups that are told by row together.
DIFFERENT = {"subject": "Hello", "expires_at": NOON + dt.timedelta(days=1), "asked": b"more", "tenant_id": "bazaar"}


def test_entries_have_few_shapes_and_short_statements():
    """Each shape is planned on every connection; and what is longer, psycopg takes apart each time anew."""
    combinations = [dict(some) for size in range(5) for some in itertools.combinations(DIFFERENT.items(), size)]
    texts = {record_sql.record(drafts(count, **some), NOON).text for count in (1, 2, 9) for some in combinations}
    assert len(texts) == 9
    assert max(map(len, texts)) <= _queries.MAX_CACHED_STATEMENT_LENGTH
