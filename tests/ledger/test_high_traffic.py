"""Claims tell whether HIGH is under way."""

from __future__ import annotations

from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import ledger_service_pb2 as pb
from services.ledger.draw.high_traffic import HighTraffic
from tests.ledger.calls import Calls


async def told(calls: Calls, *refs: object) -> bool:
    request = pb.ClaimRequest(worker_id="low-1", refs=refs)
    return bool((await calls.service.Claim(request)).high_under_way)


async def test_a_claim_of_low_is_told_of_high_that_was_just_claimed(calls: Calls) -> None:
    low = await calls.recorded(lane=enums_pb2.LOW)
    high = await calls.recorded(lane=enums_pb2.HIGH)
    assert not await told(calls, low)
    assert await told(calls, high)
    assert await told(calls, low)


def test_high_counts_as_under_way_for_a_second() -> None:
    now = [50.0]
    traffic = HighTraffic(lambda: now[0])
    assert not traffic.under_way
    traffic.seen()
    now[0] += 0.9
    assert traffic.under_way
    now[0] += 0.2
    assert not traffic.under_way
