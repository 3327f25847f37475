"""What a waiting worker may send is claimed in the transaction that records it, by the rules of every claim."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, provider_pb2
from pulse.ledger.v1 import ledger_service_pb2, records_pb2
from shared.clock import FixedClock
from shared.rpc.channels import call
from shared.times import to_duration
from tests.ledger.calls import TENANT, Calls, Outcome, fallback, moment, status_names
from tests.ledger.conftest import NOON, Database
from tests.ledger.test_recipients import Recipients, choice

UNWANTED = choice(enums_pb2.EMAIL, False, "codes")
PUSH: dict[str, Any] = {"channel": enums_pb2.PUSH, "to": "", "route": ["fcm"]}


async def record_waited(
    calls: Calls, *entries: records_pb2.Entry, lease: float = 12, worker: str = "worker-1", devices: bool = False
) -> list[records_pb2.RecordResult]:
    """Records entries that a worker waits for."""
    for entry in entries:
        entry.claim_at_once = entry.dispatched = True
    claimant = ledger_service_pb2.Claimant(worker_id=worker, lease=to_duration(lease), reads_devices=devices)
    request = ledger_service_pb2.RecordRequest(entries=entries, claimant=claimant)
    return list((await call(calls.service.Record, request)).results)


async def test_what_is_claimed_with_its_recording_is_what_a_claim_would_have_given(calls: Calls) -> None:
    fields: dict[str, Any] = {
        "subject": "Hi",
        "locale": "de",
        "category": "codes",
        "metadata": {"team": "a"},
        "traceparent": f"00-{1:032x}-{1:016x}-01",
    }
    at_once, later = [calls.entry(expires_at=NOON + dt.timedelta(hours=1), **fields) for _ in range(2)]
    (result,) = await record_waited(calls, at_once)
    await calls.record(later)
    (claimed,) = await calls.claim(later.ref)
    claimed.ref.CopyFrom(at_once.ref)
    assert result.claimed == claimed
    assert status_names([result]) == ["QUEUED"]
    assert await calls.timeline(at_once.ref) == await calls.timeline(later.ref)


async def test_its_intent_is_committed_and_its_outcome_counts(calls: Calls, database: Database) -> None:
    entry = calls.entry()
    (result,) = await record_waited(calls, entry, worker="high-7")
    assert database.rows("SELECT worker, fence, attempt FROM events WHERE sequence = 2") == [("high-7", 1, 1)]
    assert await calls.claim(entry.ref) == []
    await calls.end(result.claimed, Outcome.SUCCEEDED, provider_message_id="m-1")
    assert await calls.status(entry.ref) == "SENT"


async def test_what_never_reached_its_worker_is_drawn_again_once_the_lease_is_over(
    calls: Calls, clock: FixedClock
) -> None:
    entry = calls.entry()
    await record_waited(calls, entry, lease=12)
    clock.advance(11)
    assert list((await calls.draw()).refs) == []
    clock.advance(2)
    assert list((await calls.draw()).refs) == [entry.ref]
    (again,) = await calls.claim(entry.ref)
    assert (again.fence, again.attempt) == (2, 2)


NOT_AT_ONCE: dict[str, dict[str, Any]] = {
    "at most once": {"delivery_guarantee": enums_pb2.AT_MOST_ONCE},
    "LOW": {"lane": enums_pb2.LOW},
    "for later": {"not_before": NOON + dt.timedelta(seconds=1)},
    "a digest": {"digest_window": to_duration(60)},
    "a push without a device": PUSH,
    "expired": {"expires_at": NOON},
}


@pytest.mark.parametrize("fields", NOT_AT_ONCE.values(), ids=NOT_AT_ONCE)
async def test_what_is_not_for_a_waiting_worker_is_recorded_as_if_none_waited(
    calls: Calls, fields: dict[str, Any]
) -> None:
    waited, other = calls.entry(**fields), calls.entry(**fields, dispatched=True)
    (result,) = await record_waited(calls, waited)
    (plain,) = await calls.record(other)
    plain.notification_id = result.notification_id
    assert result == plain
    assert not result.HasField("claimed")
    assert await calls.timeline(waited.ref) == await calls.timeline(other.ref)


async def force_open(calls: Calls) -> None:
    await calls.exchange(provider_pb2.ProviderState(provider="smtp", channel=enums_pb2.EMAIL))
    await calls.override("smtp", provider_pb2.FORCED_OPEN)


Shut = Callable[[Calls], Awaitable[object]]
SHUT: dict[str, Shut] = {
    "its channel is paused": lambda calls: calls.pause(channel=enums_pb2.EMAIL),
    "its provider is paused": lambda calls: calls.pause(provider="smtp"),
    "its provider is forced open": force_open,
    "its recipient is suppressed": lambda calls: Recipients(calls).suppress(channel=enums_pb2.EMAIL),
    "its recipient wants none": lambda calls: Recipients(calls).prefer(
        choices=[choice(enums_pb2.EMAIL, False, "codes")]
    ),
    "its provider has a bound": lambda calls: calls.draw(smtp=0),
}


@pytest.mark.parametrize("shut", SHUT.values(), ids=SHUT)
@pytest.mark.parametrize("route", [["smtp"], ["smtp", "ses"]], ids=["one provider", "two providers"])
@pytest.mark.parametrize("fallbacks", [[], [fallback()]], ids=["no fallback", "a fallback"])
async def test_what_something_stands_against_is_left_to_the_claim_that_is_woken(
    calls: Calls, shut: Shut, route: list[str], fallbacks: list[records_pb2.RoutedFallback]
) -> None:
    await shut(calls)
    entry = calls.entry(route=route, category="codes", fallbacks=fallbacks)
    entry.claim_at_once = True
    request = ledger_service_pb2.RecordRequest(
        entries=[entry], claimant=ledger_service_pb2.Claimant(worker_id="worker-1")
    )
    (result,) = (await call(calls.service.Record, request)).results
    assert not result.HasField("claimed")
    assert [kind for kind, _ in await calls.timeline(entry.ref)] == ["ACCEPTED"]


async def test_who_has_wishes_that_let_it_pass_does_not_wait_either(calls: Calls) -> None:
    await Recipients(calls).prefer(choices=[choice(enums_pb2.EMAIL, False, "news")])
    known, unknown = calls.entry(category="codes"), calls.entry(user_id="user-2")
    results = await record_waited(calls, known, unknown)
    assert [result.HasField("claimed") for result in results] == [True, True]


async def test_a_push_goes_to_the_device_registered_last(calls: Calls, clock: FixedClock) -> None:
    for token in ("old", "new"):
        await Recipients(calls).register(token)
        clock.advance(1)
    (result,) = await record_waited(calls, calls.entry(**PUSH))
    assert result.claimed.to == "new"


async def test_without_a_worker_that_waits_nothing_is_claimed(calls: Calls) -> None:
    (result,) = await calls.record(calls.entry(claim_at_once=True))
    assert not result.HasField("claimed")


async def test_only_what_asks_for_it_is_claimed(calls: Calls) -> None:
    wanted, other = calls.entry(claim_at_once=True), calls.entry()
    request = ledger_service_pb2.RecordRequest(
        entries=[wanted, other], claimant=ledger_service_pb2.Claimant(worker_id="worker-1")
    )
    results = (await call(calls.service.Record, request)).results
    assert [result.HasField("claimed") for result in results] == [True, False]


async def test_a_key_is_claimed_once_however_often_it_comes(calls: Calls) -> None:
    entry = calls.entry("key-1")
    first, same, other = await record_waited(calls, entry, entry, calls.entry("key-1"))
    (replay,) = await record_waited(calls, calls.entry("key-1"))
    (again,) = await record_waited(calls, entry)
    claimed = [one.HasField("claimed") for one in (first, same, other, replay, again)]
    assert claimed == [True, False, False, False, False]
    assert {one.notification_id for one in (first, same, other, replay, again)} == {entry.ref.notification_id}
    assert len(await calls.timeline(entry.ref)) == 2


async def test_of_one_key_that_comes_at_once_from_all_sides_one_is_claimed(calls: Calls, database: Database) -> None:
    batches = await asyncio.gather(*(record_waited(calls, calls.entry("key-1")) for _ in range(30)))
    assert sum(result.HasField("claimed") for (result,) in batches) == 1
    assert database.count("notifications") == 1


async def test_ids_of_several_tenants_may_be_alike(calls: Calls) -> None:
    mine = calls.entry()
    theirs = calls.entry(tenant_id="other", notification_id=mine.ref.notification_id, context_json='{"name": "Bob"}')
    results = await record_waited(calls, mine, theirs)
    assert [result.claimed.ref.tenant_id for result in results] == [TENANT, "other"]
    assert [result.claimed.asked.context_json for result in results] == ['{"name": "Ada"}', '{"name": "Bob"}']


async def test_a_row_that_only_the_database_refuses_fails_alone_and_the_others_wait_for_a_wake_up(
    calls: Calls, database: Database
) -> None:
    database.execute("ALTER TABLE notifications ADD CONSTRAINT no_eve CHECK (user_id <> 'eve')")
    good, bad, other = calls.entry(), calls.entry(user_id="eve"), calls.entry()
    results = await record_waited(calls, good, bad, other)
    assert [result.HasField("error") for result in results] == [False, True, False]
    assert not any(result.HasField("claimed") for result in results)
    assert await calls.timeline(good.ref) == [("ACCEPTED", "QUEUED")]


@pytest.mark.parametrize("count", [1, 3])
async def test_what_the_database_refuses_of_claims_alone_is_recorded_all_the_same(
    calls: Calls, database: Database, count: int
) -> None:
    database.execute("ALTER TABLE events ADD CONSTRAINT nobody CHECK (worker <> 'worker-1')")
    entries = [calls.entry() for _ in range(count)]
    results = await record_waited(calls, *entries)
    assert status_names(results) == ["QUEUED"] * count
    assert not any(result.HasField("claimed") for result in results)
    assert [await calls.timeline(entry.ref) for entry in entries] == [[("ACCEPTED", "QUEUED")]] * count


@pytest.mark.parametrize("lease", [366 * 24 * 3600.0, 315_576_000_000.0], ids=["a year", "ten thousand years"])
async def test_a_worker_that_would_hold_it_for_ages_holds_it_for_an_hour(calls: Calls, lease: float) -> None:
    hour = dt.timedelta(hours=1)
    (result,) = await record_waited(calls, calls.entry(), lease=lease)
    assert moment(result.claimed.lease_until) == NOON + hour
    (claimed,) = await calls.claim(await calls.recorded(), lease=lease)
    assert moment(claimed.lease_until) == NOON + hour


async def test_a_connection_that_is_lost_costs_no_claim_and_makes_none_twice(calls: Calls, database: Database) -> None:
    await record_waited(calls, calls.entry())
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = 'pulse-ledger-writes'"
    )
    entry = calls.entry()
    (result,) = await record_waited(calls, entry)
    assert result.claimed.fence == 1
    assert len(await calls.timeline(entry.ref)) == 2


async def test_low_is_told_that_high_is_under_way(calls: Calls) -> None:
    low = await calls.recorded(lane=enums_pb2.LOW)
    await record_waited(calls, calls.entry())
    assert (await calls.claimed(low)).high_under_way


async def test_a_lease_that_is_not_said_is_the_ledger_s_own(calls: Calls) -> None:
    (result,) = await record_waited(calls, calls.entry(), lease=0)
    assert moment(result.claimed.lease_until) > NOON
