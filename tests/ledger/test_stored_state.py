"""What rules read of a delivery is stored with it, and not found in its timeline or guessed from other columns.

Rows that a release changed which does not know these columns are read as that release reads them.
"""

from __future__ import annotations

from typing import Any

import pytest

from pulse.ledger.v1 import records_pb2
from tests.ledger.calls import Calls, Outcome
from tests.ledger.conftest import Database
from tests.ledger.test_bounded_providers import begun, drawn
from tests.ledger.test_recipient_wishes import PUSHED
from tests.ledger.test_recipients import Recipients

Ref = records_pb2.NotificationRef

#: Nothing of the timeline that was written for people is left.
SPEECHLESS = "UPDATE events SET decisions = NULL"
#: As the release before records and changes rows.
NEVER_KNOWN = """
UPDATE deliveries SET drawn = NULL, device_token_id = NULL, refused_devices = NULL, rests = NULL, losses = 0,
    state_revision = NULL
"""
#: As it leaves rows that this one has changed before: what is in them is of then.
OUT_OF_DATE = """
UPDATE deliveries SET drawn = NOT coalesce(drawn, FALSE), device_token_id = gen_random_uuid(),
    refused_devices = ARRAY(SELECT device_token_id FROM device_tokens), losses = 7,
    rests = '{"a": "2100-01-01T00:00:00Z", "b": "2100-01-01T00:00:00Z"}', state_revision = revision - 1
"""
#: What happens to the tables behind the ledger's back, after which everything goes on as if it had not.
MEANWHILE = [
    pytest.param(SPEECHLESS, id="timeline without decisions"),
    pytest.param(NEVER_KNOWN, id="rows of the release before"),
    pytest.param(OUT_OF_DATE, id="rows that the release before changed"),
]


@pytest.fixture
def recipients(calls: Calls) -> Recipients:
    return Recipients(calls)


async def devices(recipients: Recipients, clock: Any, *tokens: str) -> None:
    """Registers them, the last first in line."""
    for token in reversed(tokens):
        await recipients.register(token)
        clock.advance(1)


async def sent_to(calls: Calls, ref: Ref) -> str:
    (claimed,) = await calls.claim(ref)
    return str(claimed.to)


async def refused(calls: Calls, ref: Ref, rejection: Any) -> str:
    """Ends an attempt with a provider's word on its device; gives the device."""
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.PERMANENT_FAILURE, rejection=rejection, code="UNREGISTERED")
    return str(claimed.to)


@pytest.mark.parametrize("meanwhile", MEANWHILE)
@pytest.mark.parametrize("rejection", [records_pb2.GONE, records_pb2.REFUSED])
async def test_a_device_that_cannot_be_reached_is_not_tried_again(
    calls: Calls, recipients: Recipients, clock, database: Database, meanwhile: str, rejection: Any
):
    await devices(recipients, clock, "one", "two", "three")
    ref = await calls.recorded(**PUSHED)
    tried = []
    for _ in range(2):
        tried.append(await refused(calls, ref, rejection))
        database.execute(meanwhile)
    assert [*tried, await sent_to(calls, ref)] == ["one", "two", "three"]


@pytest.mark.parametrize("meanwhile", MEANWHILE)
async def test_the_device_that_is_gone_is_the_one_that_the_attempt_went_to(
    calls: Calls, recipients: Recipients, clock, database: Database, meanwhile: str
):
    await devices(recipients, clock, "gone", "other")
    ref = await calls.recorded(**PUSHED)
    (claimed,) = await calls.claim(ref)
    await devices(recipients, clock, "newest")
    database.execute(meanwhile)
    await calls.end(claimed, Outcome.PERMANENT_FAILURE, rejection=records_pb2.GONE, code="UNREGISTERED")
    assert await recipients.tokens() == ["newest", "other"]


@pytest.mark.parametrize("meanwhile", MEANWHILE)
@pytest.mark.parametrize("many", [False, True])
async def test_a_replay_tries_every_device_again(
    calls: Calls, recipients: Recipients, clock, database: Database, meanwhile: str, many: bool
):
    await devices(recipients, clock, "one", "two")
    ref = await calls.recorded(**PUSHED)
    assert [await refused(calls, ref, records_pb2.REFUSED) for _ in range(2)] == ["one", "two"]
    database.execute(meanwhile)
    if many:
        assert (await calls.replay_many()).replayed == 1
    else:
        await calls.replay(ref)
    database.execute(meanwhile)
    assert await sent_to(calls, ref) == "one"


@pytest.mark.parametrize("meanwhile", MEANWHILE)
async def test_a_provider_that_asked_for_time_has_it(calls: Calls, clock, database: Database, meanwhile: str):
    ref = await calls.recorded(route=["a", "b"], max_attempts=9)
    for retry_after in (60, 20):
        (claimed,) = await calls.claim(ref)
        await calls.end(claimed, Outcome.TRANSIENT_FAILURE, retry_after=retry_after)
        database.execute(meanwhile)
    clock.advance(19)
    assert await begun(calls, ref) == []
    clock.advance(40)
    assert await begun(calls, ref, avoid=["b"]) == []
    database.execute(meanwhile)
    clock.advance(2)
    assert await begun(calls, ref, avoid=["b"]) == ["a"]


@pytest.mark.parametrize("meanwhile", MEANWHILE)
async def test_what_is_lost_again_is_known_by_the_loss_before(calls: Calls, clock, database: Database, meanwhile: str):
    ref = await calls.recorded(max_attempts=5)
    for _ in range(4):
        while not await calls.claim(ref, lease=12):
            clock.advance(600)
        database.execute(meanwhile)
        clock.advance(12)
    codes = [one.failure.code for one in (await calls.get(ref)).timeline if one.outcome == Outcome.UNANSWERED]
    assert codes == ["LEASE_EXPIRED", "LEASE_EXPIRED_AGAIN", "LEASE_EXPIRED_AGAIN"]


@pytest.mark.parametrize("code", ["LEASE_EXPIRED", "LEASE_EXPIRED_AGAIN"])
async def test_a_failure_that_a_provider_calls_a_loss_is_none(calls: Calls, clock, code: str):
    """It came from a worker, which is there."""
    ref = await calls.recorded(max_attempts=5)
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.TRANSIENT_FAILURE, code=code)
    clock.advance(600)
    assert len(await calls.claim(ref, lease=12)) == 1
    clock.advance(12)
    await calls.claim(ref)
    (lost,) = [one for one in (await calls.get(ref)).timeline if one.outcome == Outcome.UNANSWERED]
    assert lost.failure.code == "LEASE_EXPIRED"


@pytest.mark.parametrize("how", ["breaker", "breaker twice", "pause", "resumed"])
async def test_what_was_put_off_waits_for_its_draw(calls: Calls, clock, how: str):
    """The time of its next look moved, and nothing else: a worker that is woken for it once more sends nothing."""
    ref = await calls.recorded(route=["smtp"])
    assert await drawn(calls, smtp=1) == [ref]
    if how in ("pause", "resumed"):
        await calls.pause(provider="smtp")
    for _ in range(2 if how == "breaker twice" else 1):
        assert await begun(calls, ref, avoid=["smtp"] if how.startswith("breaker") else []) == []
        clock.advance(1)
    if how in ("pause", "resumed"):
        await calls.pause(False, provider="smtp")
    assert await begun(calls, ref) == []
    clock.advance(30)
    assert await drawn(calls, smtp=1) == [ref]
    assert await begun(calls, ref) == ["smtp"]


async def test_what_a_draw_of_the_release_before_gave_out_is_sent(calls: Calls, clock, database: Database):
    """It moves the time of the next look, and does not know that it was drawn."""
    ref = await calls.recorded(route=["smtp"])
    await drawn(calls, smtp=0)
    assert await begun(calls, ref) == []
    database.execute("UPDATE deliveries SET due_at = due_at + interval '10 s'")
    assert await begun(calls, ref) == ["smtp"]
