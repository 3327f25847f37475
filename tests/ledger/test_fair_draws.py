"""Tenants that wait take turns, and providers get no more than they are allowed."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

import psycopg
import pytest

from pulse.common.v1 import enums_pb2
from pulse.common.v1.limit_pb2 import Limit
from pulse.ledger.v1 import ledger_admin_pb2
from services.ledger.draw import draw_statements
from services.ledger.postgres.postgres import PLANS
from shared.rpc.channels import call
from tests.ledger.calls import Calls, Outcome
from tests.ledger.conftest import NOON, Database
from tests.support.fairness import jain

_BULK = """
INSERT INTO deliveries (tenant_id, notification_id, status, channel, lane, guarantee, route, max_attempts, due_at,
    ready_at, fence, attempt, attempt_limit, route_index, provider, provider_message_id, failure_code, failure_message,
    updated_at, revision)
SELECT '{tenant}', gen_random_uuid(), 'QUEUED', 'EMAIL', '{lane}', 'AT_LEAST_ONCE', '{{{route}}}', 3, '{due_at}',
    '{due_at}', 0, 0, 3, 0, '', '', '', '', '{due_at}', 1
FROM generate_series(1, {count})
"""


def queue(
    database: Database, tenant: str, count: int, *, route: str = "smtp", lane: str = "HIGH", due_at: dt.datetime = NOON
) -> None:
    """Puts a backlog into the tables, which is quicker than to record it."""
    values = {"tenant": tenant, "count": count, "route": route, "lane": lane, "due_at": due_at}
    database.execute(_BULK.format(**values))


def tenants(refs: Iterable[Any]) -> Counter[str]:
    return Counter(ref.tenant_id for ref in refs)


async def set_weight(calls: Calls, tenant: str, weight: int) -> None:
    limit = Limit(kind="FAIR_SHARE", tenant_id=tenant, amount=weight)
    await call(calls.admin.SetLimit, ledger_admin_pb2.SetLimitRequest(limit=limit))


async def test_a_small_tenant_is_in_the_first_draw_before_the_backlog_of_another(calls: Calls, database: Database):
    queue(database, "big", 50_000, due_at=NOON - dt.timedelta(hours=1))
    queue(database, "small", 5)
    drawn = await calls.draw(limit=100)
    assert tenants(drawn.refs) == {"big": 95, "small": 5}
    assert [ref.tenant_id for ref in drawn.refs[:10]].count("small") == 5
    assert drawn.more


async def test_ten_tenants_one_of_them_flooding_are_served_alike(calls: Calls, database: Database):
    """By what each got while all of them waited: Jain's index of 1 is perfectly fair."""
    queue(database, "t0", 20_000, due_at=NOON - dt.timedelta(hours=1))
    for number in range(1, 10):
        queue(database, f"t{number}", 300)
    served: Counter[str] = Counter()
    for _ in range(10):
        served += tenants((await calls.draw(limit=205, redispatch_after=3600)).refs)
    assert sum(served.values()) == 2050
    assert jain(served.values()) >= 0.999
    assert max(served.values()) - min(served.values()) <= 1


async def test_places_are_shared_by_weight(calls: Calls, database: Database):
    for tenant in ("gold", "plain", "silver"):
        queue(database, tenant, 100)
    await set_weight(calls, "gold", 4)
    await set_weight(calls, "silver", 2)
    drawn = await calls.draw(limit=70)
    assert tenants(drawn.refs) == {"gold": 40, "silver": 20, "plain": 10}
    assert tenants(drawn.refs[:7]) == {"gold": 4, "silver": 2, "plain": 1}


async def test_draws_that_are_smaller_than_the_number_of_tenants_go_round(calls: Calls, database: Database):
    for number in range(10):
        queue(database, f"t{number}", 50)
    served: Counter[str] = Counter()
    for _ in range(20):
        served += tenants((await calls.draw(limit=3, redispatch_after=3600)).refs)
    assert dict(served) == dict.fromkeys((f"t{number}" for number in range(10)), 6)


async def test_more_flows_than_are_looked_through_go_round(
    calls: Calls, database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("services.ledger.draw.draws.MOST_FLOWS", 4)
    monkeypatch.setattr(
        "services.ledger.draw.draws.FLOWS",
        draw_statements.FLOWS.replace(f"LIMIT {draw_statements.MOST_FLOWS}", "LIMIT 4"),
    )
    for number in range(10):
        queue(database, f"t{number}", 3)
    served: Counter[str] = Counter()
    for _ in range(6):
        drawn = await calls.draw(limit=100, redispatch_after=3600)
        served += tenants(drawn.refs)
    assert dict(served) == dict.fromkeys((f"t{number}" for number in range(10)), 3)


async def test_a_provider_is_given_no_more_than_its_allowance_and_others_do_not_wait_for_it(
    calls: Calls, database: Database
):
    queue(database, "acme", 500, route="twilio,other", due_at=NOON - dt.timedelta(hours=1))
    queue(database, "acme", 50, route="smtp")
    queue(database, "small", 5, route="twilio")
    drawn = await calls.draw(limit=200, twilio=20)
    assert [(one.provider, one.count) for one in drawn.used] == [("twilio", 20)]
    assert tenants(drawn.refs) == {"acme": 15 + 50, "small": 5}
    assert not drawn.more


async def test_without_an_allowance_nothing_is_drawn_for_that_provider(calls: Calls, database: Database):
    queue(database, "acme", 10, route="twilio")
    drawn = await calls.draw(twilio=0)
    assert (list(drawn.refs), list(drawn.used), drawn.more) == ([], [], False)
    assert len((await calls.draw(twilio=30)).refs) == 10


async def test_what_is_not_used_of_an_allowance_is_told(calls: Calls, database: Database):
    queue(database, "acme", 4, route="twilio")
    drawn = await calls.draw(twilio=30, fcm=7)
    assert [(one.provider, one.count) for one in drawn.used] == [("twilio", 4)]


async def test_a_lost_lease_is_looked_at_whatever_its_provider_is_allowed(calls: Calls, clock):
    ref = await calls.recorded(route=["twilio"])
    await calls.claim(ref, lease=12)
    clock.advance(12)
    assert [one.notification_id for one in (await calls.draw(twilio=0)).refs] == [ref.notification_id]


async def test_a_retry_passes_its_providers_allowance(calls: Calls, clock):
    ref = await calls.recorded(route=["twilio"])
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.TRANSIENT_FAILURE, retry_after=5)
    clock.advance(5)
    assert list((await calls.draw(twilio=0)).refs) == []
    assert len((await calls.draw(twilio=1)).refs) == 1


async def test_what_has_expired_costs_no_allowance(calls: Calls, clock):
    await calls.recorded(route=["twilio"], expires_at=NOON + dt.timedelta(seconds=5))
    clock.advance(5)
    drawn = await calls.draw(twilio=1)
    assert (list(drawn.refs), list(drawn.used)) == ([], [])


#: An index may be a level deeper, and autovacuum may be at it. To read what waits would be thousands of blocks.
OTHERWISE = 4


def blocks_of_a_draw(url: str) -> int:
    """How many blocks a draw of ten from HIGH touches: that tells its cost on any machine. Nothing is changed."""
    flows = '[{"tenant_id": "acme", "provider": "smtp", "places": 10}]'
    values = {"lane": "HIGH", "now": NOON, "redispatch_at": NOON, "first": "", "flows": flows}
    options = " ".join(f"-c {key}={value}" for key, value in (PLANS | {"role": "pulse_platform"}).items())
    with psycopg.connect(url, options=options) as connection:
        connection.execute(draw_statements.IN_ORDER)
        plans = [
            connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", values).fetchone()[0][0]["Plan"]
            for statement in (draw_statements.FLOWS, draw_statements.DRAW)
        ]
        connection.rollback()
    return sum(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in plans)


async def test_a_backlog_of_one_lane_does_not_weigh_on_the_other(calls: Calls, database: Database, migrated_url: str):
    queue(database, "acme", 10, lane="HIGH")
    blocks_of_a_draw(migrated_url)  # a first time reads catalogues too
    alone = blocks_of_a_draw(migrated_url)
    queue(database, "acme", 100_000, lane="LOW")
    assert blocks_of_a_draw(migrated_url) < alone * OTHERWISE
    assert tenants((await calls.draw(limit=10)).refs) == {"acme": 10}
    assert tenants((await calls.draw(limit=10, lane=enums_pb2.LOW)).refs) == {"acme": 10}


async def test_a_draw_costs_the_same_however_much_waits_in_its_lane(database: Database, migrated_url: str):
    queue(database, "acme", 1_000, lane="HIGH")
    blocks_of_a_draw(migrated_url)  # a first time reads catalogues too
    few = blocks_of_a_draw(migrated_url)
    queue(database, "acme", 20_000, lane="HIGH")
    assert blocks_of_a_draw(migrated_url) < few * OTHERWISE


def test_jains_index_is_one_for_equals_and_falls_to_one_nth_for_a_monopoly():
    assert jain([7, 7, 7]) == 1
    assert math.isclose(jain([9, 0, 0]), 1 / 3)
