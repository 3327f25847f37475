"""The fault that breaks templates breaks its own, mends what it broke, and says so where there is nothing to break."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from proof.chaos import phases
from proof.chaos.faults_of_traffic import POISONED, PoisonTemplate
from services.ledger.migrate import migrate
from shared.clock import SystemClock
from shared.ids import uuid7

WHOLE = [{"body": "Hello {{ name }}."}]
TEMPLATE = """
INSERT INTO template_versions (tenant_id, name, version, channel, category, default_locale, contents, variables,
    created_at)
VALUES ('acme', %s, 1, 'EMAIL', '', '', '[{"body": "Hello {{ name }}."}]', '{}', now())
"""
NOTIFICATION = """
INSERT INTO notifications (tenant_id, notification_id, user_id, template_name, template_version, recipient, subject,
    context_json, idempotency_key, locale, metadata, category, traceparent, created_at)
VALUES ('acme', %(id)s, %(user)s, '', 0, '', '', '', '', '', '{}', '', '', now())
"""
DELIVERY = """
INSERT INTO deliveries (tenant_id, notification_id, status, channel, lane, guarantee, route, max_attempts, ready_at,
    fence, attempt, attempt_limit, route_index, provider, provider_message_id, failure_code, failure_message,
    updated_at, revision)
VALUES ('acme', %(id)s, %(status)s, 'EMAIL', 'LOW', 'AT_LEAST_ONCE', '{smtp}', 3, now(), 1, 1, 3, 0, '', '', '', '',
    now(), 1)
"""


@pytest.fixture
def url(database_url: str) -> str:
    """A ledger's database, with the templates of two cells."""
    migrate(database_url, SystemClock().now(), weeks_ahead=1)
    with psycopg.connect(database_url) as connection:
        for name in ("one-t-text", "one-t-row", "two-t-text", "two-t-row"):
            connection.execute(TEMPLATE, [name])
    return database_url


def record(url: str, user: str, count: int, status: str = "SCHEDULED") -> None:
    with psycopg.connect(url) as connection:
        for number in range(count):
            given = {"id": uuid7(SystemClock().now()), "user": f"{user}{number}", "status": status}
            connection.execute(NOTIFICATION, given)
            connection.execute(DELIVERY, given)


def fault(url: str) -> PoisonTemplate:
    """As it is in cell one, whose notifications are recorded already."""

    @contextlib.asynccontextmanager
    async def database() -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            yield connection

    window: Any = SimpleNamespace(prefix="one", suite=SimpleNamespace(database=database))
    return PoisonTemplate(window, phases.make(6), random.Random(1))


def broken(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT name, contents FROM template_versions").fetchall()
    return {name for name, contents in found if contents != WHOLE}


async def test_it_breaks_the_cell_s_own_templates_and_mends_the_one_that_is_to_be_had_again(url: str) -> None:
    record(url, "one-t-u", POISONED)
    struck = fault(url)
    await struck.strike()
    assert broken(url) == {"one-t-text", "one-t-row"}
    for _ in range(2):
        await struck.heal()
        assert broken(url) == {"one-t-text"}


@pytest.mark.parametrize(
    "recorded",
    [
        (),
        ("one-t-u", POISONED // 2 - 1),
        ("one-t-u", POISONED, "SENT"),
        ("one-u", POISONED),
        ("two-t-u", POISONED),
    ],
    ids=["nothing", "too few", "sent already", "of other templates", "of another cell"],
)
async def test_a_cell_in_which_nothing_waits_for_the_templates_fails(url: str, recorded: tuple[Any, ...]) -> None:
    if recorded:
        record(url, *recorded)
    struck = fault(url)
    with pytest.raises(TimeoutError):
        await struck.strike()
    await struck.heal()
    assert broken(url) == set()
