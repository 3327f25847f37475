"""A worker settles and claims in one call; neither is lost with the other."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, notification_pb2
from pulse.ledger.v1 import ledger_service_pb2, records_pb2
from services.ledger.move import content
from services.ledger.move.transaction import Read
from shared.errors import Code, PulseError
from shared.rpc.channels import call
from shared.times import to_duration
from tests.ledger.calls import Calls, settlement
from tests.ledger.conftest import Database

Outcome = notification_pb2.TimelineEvent
Answer = ledger_service_pb2.SettleAndClaimResponse


async def both(
    calls: Calls, settlements: list[records_pb2.Settlement], refs: list[records_pb2.NotificationRef]
) -> Answer:
    """One round; a half without anything is left out."""
    request = ledger_service_pb2.SettleAndClaimRequest()
    if settlements:
        request.settle.settlements.extend(settlements)
    if refs:
        request.claim.MergeFrom(
            ledger_service_pb2.ClaimRequest(worker_id="w", lease=to_duration(12), refs=refs, reads_asked=True)
        )
    return await call(calls.service.SettleAndClaim, request)


async def one_held_and_one_due(calls: Calls, **more: Any) -> tuple[Any, records_pb2.NotificationRef]:
    (held,) = await calls.claim(await calls.recorded(**more))
    return held, await calls.recorded(**more)


async def test_both_are_done_in_one_transaction(calls: Calls, database: Database) -> None:
    held, due = await one_held_and_one_due(calls)
    answer = await both(calls, [settlement(held, Outcome.SUCCEEDED)], [due])
    assert [result.applied for result in answer.settled.results] == [True]
    assert [one.ref for one in answer.claimed.claimed] == [due]
    assert (await calls.status(held.ref), await calls.status(due)) == ("SENT", "SENDING")
    ended, started = "kind = 'ATTEMPT_ENDED'", "kind = 'ATTEMPT_STARTED' AND sequence > 1"
    (one,) = database.rows(
        f"SELECT xmin::text FROM events WHERE notification_id = %s AND {ended}", held.ref.notification_id
    )
    (other,) = database.rows(
        f"SELECT xmin::text FROM events WHERE notification_id = %s AND {started}", due.notification_id
    )
    assert one == other


@pytest.mark.parametrize("half", ["settle", "claim"])
async def test_one_half_alone_is_done_as_its_own_call_would(calls: Calls, half: str) -> None:
    held, due = await one_held_and_one_due(calls)
    settled, wanted = ([settlement(held, Outcome.SUCCEEDED)], []) if half == "settle" else ([], [due])
    answer = await both(calls, settled, wanted)
    assert (answer.HasField("settled"), answer.HasField("claimed")) == (half == "settle", half == "claim")
    assert (await calls.status(held.ref), await calls.status(due)) == (
        ("SENT", "QUEUED") if half == "settle" else ("SENDING", "SENDING")
    )


@pytest.mark.parametrize(
    "bad",
    [
        {"outcome": 0},
        {"outcome": 999},
        {"fence": 7},
        {"ref": records_pb2.NotificationRef(tenant_id="acme", notification_id="no id")},
        {
            "ref": records_pb2.NotificationRef(
                tenant_id="ac\0me", notification_id="01890a5d-ac96-774b-bcce-b302099a8057"
            )
        },
    ],
    ids=["no outcome", "an outcome of another release", "a stale fence", "no id", "a tenant that can be none"],
)
async def test_a_bad_settlement_keeps_neither_claims_nor_others_from_the_ledger(
    calls: Calls, bad: dict[str, Any]
) -> None:
    held, due = await one_held_and_one_due(calls)
    (other,) = await calls.claim(await calls.recorded())
    wrong = settlement(other, Outcome.SUCCEEDED)
    wrong.MergeFrom(records_pb2.Settlement(**bad))
    if bad == {"outcome": 0}:
        wrong.ClearField("outcome")
    answer = await both(calls, [wrong, settlement(held, Outcome.SUCCEEDED)], [due])
    assert [result.applied for result in answer.settled.results] == [False, True]
    assert [one.ref for one in answer.claimed.claimed] == [due]


async def test_refs_that_name_nothing_or_are_named_twice_do_no_harm(calls: Calls) -> None:
    held, due = await one_held_and_one_due(calls)
    unknown = records_pb2.NotificationRef(tenant_id="acme", notification_id="01890a5d-ac96-774b-bcce-b302099a8057")
    odd = records_pb2.NotificationRef(tenant_id="acme", notification_id="x")
    answer = await both(calls, [settlement(held, Outcome.SUCCEEDED)], [unknown, due, odd, due])
    assert [one.ref for one in answer.claimed.claimed] == [due]


async def test_settlements_count_though_no_claim_can_be_given(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks the claim, here a statement that PostgreSQL refuses."""
    held, due = await one_held_and_one_due(calls)
    monkeypatch.setattr("services.ledger.move.claim._CONTENTS", Read("SELECT 1 / 0", lambda _: {}))
    answer = await both(calls, [settlement(held, Outcome.SUCCEEDED)], [due])
    assert [result.applied for result in answer.settled.results] == [True]
    assert answer.claim_error.code == Code.INVALID_ARGUMENT.value
    assert (await calls.status(held.ref), await calls.status(due)) == ("SENT", "QUEUED")


async def test_claims_are_given_though_nothing_can_be_settled(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    held, due = await one_held_and_one_due(calls)

    def broken(*_: object, **__: object) -> None:
        raise ValueError("poison")

    monkeypatch.setattr("services.ledger.move.settled.BatchResult.add", broken)
    answer = await both(calls, [settlement(held, Outcome.SUCCEEDED)], [due])
    assert answer.settle_error.code == Code.INTERNAL.value
    assert [one.ref for one in answer.claimed.claimed] == [due]
    assert (await calls.status(held.ref), await calls.status(due)) == ("SENDING", "SENDING")


async def test_what_was_settled_may_be_claimed_again_by_the_same_call(calls: Calls) -> None:
    (held,) = await calls.claim(await calls.recorded(route=["smtp", "ses"]))
    answer = await both(calls, [settlement(held, Outcome.TRANSIENT_FAILURE, code="450")], [held.ref])
    (again,) = answer.claimed.claimed
    assert (again.ref, again.provider, again.fence) == (held.ref, "ses", held.fence + 1)


async def test_an_address_that_a_settlement_reports_gone_is_not_sent_to_by_the_claim_beside_it(calls: Calls) -> None:
    held, due = await one_held_and_one_due(calls)
    gone = settlement(held, Outcome.PERMANENT_FAILURE, code="550", rejection=records_pb2.GONE)
    answer = await both(calls, [gone], [due])
    assert list(answer.claimed.claimed) == []
    assert await calls.status(due) == "SUPPRESSED"


async def test_tenants_of_both_halves_are_seen_and_no_others(calls: Calls) -> None:
    (held,) = await calls.claim(await calls.recorded(tenant_id="settles"))
    due = await calls.recorded(tenant_id="claims")
    answer = await both(calls, [settlement(held, Outcome.SUCCEEDED)], [due])
    assert [result.applied for result in answer.settled.results] == [True]
    assert [one.ref for one in answer.claimed.claimed] == [due]


@pytest.mark.parametrize(
    ("settlements", "refs", "field"),
    [(0, 0, "settlements"), (1001, 1, "settle.settlements"), (1, 1001, "claim.refs"), (1001, 0, "settlements")],
)
async def test_an_empty_or_oversize_call_is_refused(calls: Calls, settlements: int, refs: int, field: str) -> None:
    one = records_pb2.NotificationRef(tenant_id="acme", notification_id="01890a5d-ac96-774b-bcce-b302099a8057")
    with pytest.raises(PulseError) as refused:
        await both(calls, [records_pb2.Settlement(ref=one, outcome=Outcome.SUCCEEDED)] * settlements, [one] * refs)
    assert refused.value.code is Code.INVALID_ARGUMENT
    assert refused.value.violations[0].field == field


async def test_what_the_answer_has_no_room_for_is_named(calls: Calls) -> None:
    held = (await calls.claim(await calls.recorded()))[0]
    large = '{"name": "' + "x" * 250_000 + '"}'
    due = [await calls.recorded(context_json=large, lane=enums_pb2.LOW) for _ in range(20)]
    answer = await both(calls, [settlement(held, Outcome.SUCCEEDED)], due)
    assert len(answer.claimed.claimed) == content.MOST_BYTES // 250_500
    assert len(answer.claimed.claimed) + len(answer.claimed.left) == 20
    assert await calls.status(held.ref) == "SENT"
