"""A template's version is one document, and for one release columns beside it."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, template_pb2
from shared.times import to_duration
from tests.ledger.calls import Calls, template
from tests.ledger.test_template_versions import create, get, page, update

#: A field of a later release: number 999, a text.
LATER = b"\xba\x3e\x05later"
FULL: dict[str, Any] = {
    "channel": enums_pb2.SMS,
    "priority": enums_pb2.HIGH,
    "category": "security",
    "default_locale": "de",
    "contents": [
        template_pb2.TemplateContent(channel=enums_pb2.SMS, locale="de", body="Hallo \N{GRINNING FACE}"),
        template_pb2.TemplateContent(subject="Hi", body="Hello {{ name }}", html_body="<p>{{ name }}</p>"),
    ],
    "variables": ["name", "code"],
    "digest_window": to_duration(900.5),
}


@pytest.mark.parametrize("fields", [{}, FULL, *({name: value} for name, value in FULL.items())])
async def test_what_the_release_before_stored_reads_the_same(calls: Calls, database: Any, fields: dict[str, Any]):
    stored = await create(calls, template(**fields))
    database.execute("UPDATE template_versions SET document = NULL")
    assert await get(calls, "welcome") == stored
    assert list((await page(calls)).templates) == [stored]


async def test_the_release_before_finds_all_where_it_looks(calls: Calls, database: Any):
    await create(calls, template(**FULL))
    names = "channel, priority, category, default_locale, contents, variables, digest_seconds"
    contents = [
        {"channel": "SMS", "locale": "de", "subject": "", "body": "Hallo \N{GRINNING FACE}", "html_body": ""},
        {"channel": "", "locale": "", "subject": "Hi", "body": "Hello {{ name }}", "html_body": "<p>{{ name }}</p>"},
    ]
    row = ("SMS", "HIGH", "security", "de", contents, ["name", "code"], 900.5)
    assert database.rows(f"SELECT {names} FROM template_versions") == [row]


async def test_what_the_ledger_does_not_know_of_a_template_is_kept(calls: Calls):
    given = template()
    given.MergeFromString(LATER)
    given.contents[0].MergeFromString(LATER)
    for stored in (await create(calls, given), await update(calls, given), await get(calls, "welcome")):
        assert stored.SerializeToString().endswith(LATER)
        assert stored.contents[0].SerializeToString().endswith(LATER)


async def test_what_is_the_stores_to_give_is_not_taken_from_a_caller(calls: Calls):
    stored = await create(calls, template(version=7, create_time={"seconds": 1}, update_time={"seconds": 1}))
    assert (stored.version, stored.create_time) == (1, stored.update_time)
    assert stored.create_time.seconds > 1


async def test_old_and_new_versions_stand_side_by_side(calls: Calls, database: Any):
    await create(calls, template(body="one"))
    database.execute("UPDATE template_versions SET document = NULL")
    await update(calls, template(body="two"))
    assert [(await get(calls, "welcome", version)).contents[0].body for version in (0, 1, 2)] == ["two", "one", "two"]
