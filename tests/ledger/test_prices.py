"""What providers charge: kept once for an attempt, summed by day, never over currencies or tenants."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, notification_pb2
from pulse.ledger.v1 import ledger_reader_pb2, ledger_service_pb2, records_pb2
from services.ledger.stores import price_store
from shared.errors import Code, PulseError
from shared.rpc.channels import call
from tests.ledger.calls import TENANT, Calls, Outcome
from tests.ledger.conftest import NOON

ENDED = notification_pb2.TimelineEvent.ATTEMPT_ENDED
DAY = dt.timedelta(days=1)


async def sent(calls: Calls, own_id: str = "SM1", **fields: Any) -> records_pb2.NotificationRef:
    ref = await calls.recorded(**fields)
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id=own_id)
    return ref


async def tell(
    calls: Calls, ref: Any, amount: str = "0.0079", currency: str = "USD", own_id: str = "SM1", provider: str = "smtp"
) -> bool:
    request = ledger_service_pb2.RecordPriceRequest(
        ref=ref,
        provider=provider,
        provider_message_id=own_id,
        channel=enums_pb2.SMS,
        price=notification_pb2.Price(amount=amount, currency=currency),
    )
    return (await call(calls.service.RecordPrice, request)).applied


async def costs(calls: Calls, tenant_id: str = TENANT, days: int = 1) -> list[tuple[Any, ...]]:
    request = ledger_reader_pb2.GetStatisticsRequest(tenant_id=tenant_id, window={"seconds": days * 86_400})
    answer = await call(calls.reader.GetStatistics, request)
    return [
        (one.day.ToDatetime().date(), one.channel, one.provider, one.price.amount, one.price.currency, one.count)
        for one in answer.costs
    ]


async def test_a_price_stands_beside_its_attempt_and_in_its_days_sum(calls: Calls):
    ref = await sent(calls)
    assert await tell(calls, ref)
    prices = [(event.kind, event.price.amount) for event in (await calls.get(ref)).timeline if event.HasField("price")]
    assert prices == [(ENDED, "0.0079")]
    assert await costs(calls) == [(NOON.date(), enums_pb2.SMS, "smtp", "0.0079", "USD", 1)]


async def test_a_price_counts_once_however_often_it_is_told(calls: Calls):
    ref = await sent(calls)
    assert [await tell(calls, ref) for _ in range(3)] == [True, False, False]
    assert not await tell(calls, ref, amount="5")
    assert [cost[3:] for cost in await costs(calls)] == [("0.0079", "USD", 1)]


async def test_prices_are_added_up_to_the_last_digit_and_never_over_currencies(calls: Calls):
    for n in range(10):
        ref = await sent(calls, f"SM{n}")
        assert await tell(calls, ref, "0.1", "EUR" if n % 2 else "USD", f"SM{n}")
    ref = await sent(calls, "SMx")
    assert await tell(calls, ref, "0.000000001", "USD", "SMx")
    assert [cost[3:] for cost in await costs(calls)] == [("0.5", "EUR", 5), ("0.500000001", "USD", 6)]


async def test_each_tenant_sees_its_own(calls: Calls):
    ref = await sent(calls)
    other = await sent(calls, "SM2", tenant_id="other")
    await tell(calls, ref, "1")
    await tell(calls, other, "2", own_id="SM2")
    assert [cost[3] for cost in await costs(calls)] == ["1"]
    assert [cost[3] for cost in await costs(calls, "other")] == ["2"]
    assert [cost[3] for cost in await costs(calls, "")] == ["3"]


async def test_each_day_has_a_sum_of_its_own(calls: Calls, clock: Any):
    ref = await sent(calls)
    await tell(calls, ref, "1")
    clock.advance(86_400)
    ref = await sent(calls, "SM2")
    await tell(calls, ref, "2", own_id="SM2")
    assert [(cost[0], cost[3]) for cost in await costs(calls)] == [(NOON.date() + DAY, "2"), (NOON.date(), "1")]
    clock.advance(86_400)
    assert [cost[3] for cost in await costs(calls)] == ["2"]


async def test_what_was_never_sent_or_is_not_known_costs_nothing(calls: Calls):
    waiting = await calls.recorded()
    unknown = records_pb2.NotificationRef(tenant_id=TENANT, notification_id="0197a000-0000-7000-8000-00000000dead")
    wrong = records_pb2.NotificationRef(tenant_id=TENANT, notification_id="x")
    foreign = records_pb2.NotificationRef(tenant_id="other", notification_id=(await sent(calls)).notification_id)
    for ref in (waiting, unknown, wrong, foreign):
        assert not await tell(calls, ref)
    assert await costs(calls) == []


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("-1", "USD"), ("1e3", "USD"), ("", "USD"), ("1000000", "USD"), ("1.0000000001", "USD"), ("NaN", "USD")]
    + [("1", currency) for currency in ("", "usd", "US", "USDT", "$")],
)
async def test_what_is_no_price_is_refused(calls: Calls, amount: str, currency: str):
    ref = await sent(calls)
    with pytest.raises(PulseError) as caught:
        await tell(calls, ref, amount, currency)
    assert (caught.value.code, caught.value.reason) == (Code.INVALID_ARGUMENT, "BAD_PRICE")


async def test_prices_leave_with_retention_and_sums_later(calls: Calls, database: Any):
    await tell(calls, await sent(calls))
    later = f"'{(NOON + DAY).isoformat()}'"
    database.execute(price_store.PURGE % {"before": f"'{NOON.isoformat()}'", "limit": 10})
    assert database.rows("SELECT count(*) FROM prices") == [(1,)]
    database.execute(price_store.PURGE % {"before": later, "limit": 10})
    assert database.rows("SELECT (SELECT count(*) FROM prices), (SELECT count(*) FROM price_sums)") == [(0, 1)]
    database.execute(price_store.PURGE_SUMS % {"before": later, "limit": 10})
    assert database.rows("SELECT count(*) FROM price_sums") == [(0,)]
