"""Several limits at once: all reserved or none, exact in any window, given back together, with Redis there and gone."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

import pytest
import redis

from services.router.limits.limiter import Limiter
from services.router.limits.shared_windows import SharedWindows
from services.router.rules.local_limits import LocalLimits
from services.router.rules.quota import (
    Admitted,
    ApplicableLimits,
    Closed,
    Kind,
    LimitReached,
    QuotaRequest,
    Verdict,
    WindowLimit,
    tenant_key,
)
from tests.router.conftest import Edges, OwnValkey
from tests.router.quota_requests import ADA, applicable, bound, most_in_any_window, quota_request, taken_at
from tests.support import eventually

TENANT = applicable(bound(Kind.TENANT, WindowLimit(3, 60)))


@pytest.fixture
async def windows(valkey_url: str, edges: Edges) -> AsyncIterator[SharedWindows]:
    yield SharedWindows(edges(valkey_url, timeout=1))


def count(verdicts: Sequence[Verdict]) -> int:
    return sum(isinstance(verdict, Admitted) for verdict in verdicts)


def refusing(verdict: Verdict) -> str:
    assert isinstance(verdict, LimitReached)
    return verdict.state.bound.kind.value


async def test_a_tenants_limit_holds_over_all_its_users(windows: SharedWindows) -> None:
    verdicts = await windows.take([quota_request("t", f"user-{number}", TENANT) for number in range(5)])
    assert count(verdicts) == 3 and refusing(verdicts[4]) == "tenant"


async def test_what_one_limit_refuses_takes_no_place_in_the_others(windows: SharedWindows) -> None:
    await windows.take([quota_request("t", f"user-{number}", TENANT) for number in range(3)])
    assert count(await windows.take([quota_request(str(number), ADA, TENANT) for number in range(20)])) == 0
    assert count(await windows.take([quota_request(str(number), ADA) for number in range(20)])) == 10


@pytest.mark.parametrize(
    ("tenant", "taken", "name", "remaining"),
    [
        (WindowLimit(1_000, 60), 0, "user_channel", 9),
        (WindowLimit(12, 60), 0, "user_channel", 9),
        (WindowLimit(8, 60), 0, "tenant", 7),
        (WindowLimit(1_000, 60), 995, "tenant", 4),
    ],
)
async def test_the_limit_nearest_to_its_end_is_told(
    windows: SharedWindows, tenant: WindowLimit, taken: int, name: str, remaining: int
) -> None:
    both = applicable(bound(Kind.TENANT, tenant))
    await windows.take([quota_request("t", f"user-{number}", both) for number in range(taken)])
    (verdict,) = await windows.take([quota_request("t", ADA, both)])
    assert isinstance(verdict, Admitted)
    assert (verdict.state.bound.kind.value, verdict.state.remaining) == (name, remaining)
    assert 0 < verdict.state.reset <= 61.1


async def test_of_two_limits_that_refuse_the_one_that_is_longer_reached_is_named(windows: SharedWindows) -> None:
    both = applicable(bound(Kind.TENANT, WindowLimit(1, 3_600)), limit=WindowLimit(1, 60))
    await windows.take([quota_request("a", ADA, both)])
    (verdict,) = await windows.take([quota_request("b", ADA, both)])
    assert refusing(verdict) == "tenant"
    assert isinstance(verdict, LimitReached) and 3_600 <= verdict.state.reset <= 3_661


async def test_money_counts_by_price_up_to_the_cap(windows: SharedWindows) -> None:
    spend = applicable(bound(Kind.SMS_SPEND, WindowLimit(1_000_000, 86_400), cost=300_000))
    cheap = applicable(bound(Kind.SMS_SPEND, WindowLimit(1_000_000, 86_400), cost=50_000))
    verdicts = await windows.take([quota_request("t", f"user-{number}", spend) for number in range(4)])
    assert [isinstance(one, Admitted) for one in verdicts] == [True, True, True, False]
    verdicts = await windows.take([quota_request("u", f"user-{number}", cheap) for number in range(4)])
    assert count(verdicts) == 2


async def test_a_price_above_the_cap_is_refused(windows: SharedWindows) -> None:
    dear = applicable(bound(Kind.SMS_SPEND, WindowLimit(10, 60), cost=11))
    (verdict,) = await windows.take([quota_request("t", ADA, dear)])
    assert isinstance(verdict, LimitReached) and verdict.state.reset == 60


@pytest.mark.parametrize("kind", [Kind.USER_CHANNEL, Kind.TENANT])
async def test_a_limit_of_nothing_admits_nothing(windows: SharedWindows, kind: Kind) -> None:
    none = (
        ApplicableLimits((bound(kind, WindowLimit(0, 60)),))
        if kind is Kind.USER_CHANNEL
        else applicable(bound(kind, WindowLimit(0, 60)))
    )
    (verdict,) = await windows.take([quota_request("t", ADA, none)])
    assert refusing(verdict) == kind.value


async def test_a_repetition_costs_nothing_anywhere(windows: SharedWindows) -> None:
    verdicts = await windows.take([quota_request("k", ADA, TENANT) for _ in range(5)])
    assert count(verdicts) == 5
    assert count(await windows.take([quota_request("t", f"user-{number}", TENANT) for number in range(5)])) == 2


async def test_asking_takes_no_place_in_any_limit(windows: SharedWindows) -> None:
    for _ in range(5):
        (verdict,) = await windows.take([quota_request("t", ADA, TENANT, counted=False)])
        assert isinstance(verdict, Admitted) and verdict.reservation is None
    assert count(await windows.take([quota_request("t", f"user-{number}", TENANT) for number in range(5)])) == 3


@pytest.mark.parametrize("kind", [Kind.RECIPIENT, Kind.TENANT, Kind.SMS_PREFIX])
async def test_places_are_given_back_in_all_limits(windows: SharedWindows, kind: Kind) -> None:
    few = applicable(bound(kind, WindowLimit(3, 60)))
    verdicts = await windows.take([quota_request("t", f"user-{number}", few) for number in range(3)])
    await windows.give_back([one.reservation for one in verdicts[:2] if isinstance(one, Admitted) and one.reservation])
    assert count(await windows.take([quota_request("u", f"user-{number}", few) for number in range(5)])) == 2


async def test_a_shared_place_is_given_back_in_no_limit(windows: SharedWindows) -> None:
    (first,) = await windows.take([quota_request("k", ADA, TENANT)])
    await windows.take([quota_request("k", ADA, TENANT)])
    assert isinstance(first, Admitted) and first.reservation
    await windows.give_back([first.reservation])
    assert count(await windows.take([quota_request("t", f"user-{number}", TENANT) for number in range(5)])) == 2


async def test_counts_hold_nothing_personal_and_expire_by_themselves(windows: SharedWindows, valkey_url: str) -> None:
    await windows.take([quota_request("t", ADA, applicable(bound(Kind.TENANT), bound(Kind.RECIPIENT)))])
    with redis.Redis.from_url(valkey_url) as client:
        stored = client.keys("*")
        assert len(stored) == 3 and b"acme" not in b"".join(stored)
        assert all(60_000 < client.pttl(key) <= 62_001 for key in stored)


async def test_a_server_clock_that_was_set_back_does_not_lock_a_tenant_out_for_longer_than_its_window(
    windows: SharedWindows, valkey_url: str
) -> None:
    """Counts from the future count from now on."""
    await windows.take([quota_request("t", f"user-{number}", TENANT) for number in range(3)])
    key = "{pulse:limit}:" + tenant_key(Kind.TENANT, "acme", 60)
    an_hour_later = """
        local slots = cmsgpack.unpack(redis.call('GET', KEYS[1]))
        slots[1] = slots[1] + 3600
        return redis.call('SET', KEYS[1], cmsgpack.pack(slots), 'KEEPTTL')
    """
    with redis.Redis.from_url(valkey_url) as client:
        client.eval(an_hour_later, 1, key)
    (refused,) = await windows.take([quota_request("later", ADA, TENANT)])
    assert isinstance(refused, LimitReached) and refused.state.reset <= 61.01


SHORT = 0.6
FLOOD = applicable(
    bound(Kind.RECIPIENT, WindowLimit(8, SHORT)),
    bound(Kind.TENANT, WindowLimit(12, SHORT)),
    limit=WindowLimit(5, SHORT),
)


def flood_request(number: int, user: int, address: int) -> QuotaRequest:
    """Of one of a tenant's users to one of its addresses."""
    tenant = tenant_key(Kind.TENANT, "acme", SHORT)
    return QuotaRequest(FLOOD, (f"user-{user}", f"address-{address}", tenant), f"token-{number}")


class Checker:
    """Notes admissions, and knows for each limit the most that any window held."""

    def __init__(self) -> None:
        self._times: dict[tuple[Kind, str], list[float]] = defaultdict(list)

    def note(self, wanted: QuotaRequest, verdict: Verdict) -> None:
        """Takes down what was admitted, when it was: by Redis's clock, or by the machine's, which is the same."""
        if not isinstance(verdict, Admitted) or not verdict.reservation:
            return
        reservation = verdict.reservation
        moment = taken_at(verdict) if reservation.taken_at else reservation.noted_at + time.time() - time.monotonic()
        for one, key in zip(wanted.applicable.bounds, wanted.keys, strict=True):
            self._times[one.kind, key].append(moment)

    def most(self, kind: Kind) -> int:
        """The most admissions in any window over all keys."""
        return max(most_in_any_window(times, SHORT) for (one, _), times in self._times.items() if one is kind)

    def assert_within_limits(self) -> None:
        """No window of any limit held more than the limit."""
        for one in FLOOD.bounds:
            assert self.most(one.kind) <= one.limit.count, one.kind


async def flood(routers: Sequence[Limiter], checker: Checker, seconds: float) -> None:
    """50 senders, each for some of 4 users and 3 addresses of one tenant."""
    numbers = itertools.count()
    ends = time.monotonic() + seconds

    async def sender(one: int) -> None:
        while time.monotonic() < ends:
            wanted = flood_request(next(numbers), one % 4, one % 3)
            (verdict,) = await routers[one % len(routers)].admit([wanted])
            checker.note(wanted, verdict)

    await asyncio.gather(*[sender(one) for one in range(50)])


def limiter(edges: Edges, url: str, timeout: float = 1.0) -> Limiter:
    return Limiter(SharedWindows(edges(url, timeout)), LocalLimits(1_000), replicas=1, retry_after=0.02, grace=0.3)


async def test_no_window_of_any_limit_holds_more_than_the_limit_under_fifty_senders(
    valkey_url: str, edges: Edges
) -> None:
    """On two routers, for several windows."""
    routers, checker = [limiter(edges, valkey_url) for _ in range(2)], Checker()
    await flood(routers, checker, 2.5)
    checker.assert_within_limits()
    assert checker.most(Kind.TENANT) == 12 and checker.most(Kind.USER_CHANNEL) >= 3


async def test_no_window_holds_more_when_redis_is_emptied_in_mid_run(valkey_url: str, edges: Edges) -> None:
    router, checker = limiter(edges, valkey_url), Checker()
    under_way = asyncio.create_task(flood([router], checker, 2.0))
    with redis.Redis.from_url(valkey_url) as client:
        while not under_way.done():
            await asyncio.wait({under_way}, timeout=0.13)
            client.flushall()
    checker.assert_within_limits()
    assert checker.most(Kind.TENANT) == 12


async def test_no_window_holds_more_when_redis_is_killed_in_mid_run_and_comes_back(
    own_valkey: OwnValkey, edges: Edges
) -> None:
    """SMS is refused meanwhile; everything is counted together again without a restart."""
    router, checker = limiter(edges, f"{own_valkey.url}/0", timeout=0.02), Checker()
    sms = itertools.count()

    async def sms_verdict() -> Verdict:
        (verdict,) = await router.admit([quota_request(f"sms-{next(sms)}", f"sms-user-{next(sms)}", strict=True)])
        return verdict

    async def is_shared() -> bool:
        verdict = await sms_verdict()
        return isinstance(verdict, Admitted) and not verdict.local

    await eventually(is_shared)
    under_way = asyncio.create_task(flood([router], checker, 4.0))
    for _ in range(2):
        await asyncio.wait({under_way}, timeout=0.7)
        own_valkey.kill()

        async def is_closed() -> bool:
            return isinstance(await sms_verdict(), Closed)

        await eventually(is_closed)
        await asyncio.wait({under_way}, timeout=0.7)
        assert isinstance(await sms_verdict(), Closed)
        own_valkey.start()
        await eventually(is_shared)
    await under_way
    checker.assert_within_limits()
    assert checker.most(Kind.TENANT) == 12


async def test_without_redis_each_router_keeps_its_share_of_every_limit(edges: Edges) -> None:
    """Nothing listens on port 1. A limit of one cannot be shared by two."""
    alone = Limiter(
        SharedWindows(edges("redis://127.0.0.1:1/0", 0.5)), LocalLimits(100), replicas=2, retry_after=60, grace=1
    )
    ten = applicable(bound(Kind.TENANT, WindowLimit(8, 60)))
    verdicts = await alone.admit([quota_request("t", f"user-{number}", ten) for number in range(6)])
    assert count(verdicts) == 4 and refusing(verdicts[5]) == "tenant"
    (one,) = await alone.admit([quota_request("u", ADA, applicable(bound(Kind.RECIPIENT, WindowLimit(1, 60))))])
    assert isinstance(one, Closed)


async def test_without_redis_places_given_back_can_be_taken_again(edges: Edges) -> None:
    alone = limiter(edges, "redis://127.0.0.1:1/0")
    verdicts = await alone.admit([quota_request("t", f"user-{number}", TENANT) for number in range(4)])
    assert count(verdicts) == 3
    assert isinstance(verdicts[0], Admitted) and verdicts[0].reservation and verdicts[0].state.remaining == 2
    await alone.give_back([verdicts[0].reservation])
    assert count(await alone.admit([quota_request("u", f"user-{number}", TENANT) for number in range(4)])) == 1
