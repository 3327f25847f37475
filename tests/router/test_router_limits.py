"""The limit: exact in any window, on any number of routers, with Redis there, slow, gone, emptied and back."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs

from services.router.limits.limiter import Limiter
from services.router.limits.shared_windows import SharedWindows
from services.router.rules.local_limits import LocalLimits
from services.router.rules.quota import (
    Admitted,
    Closed,
    LimitReached,
    Verdict,
    WindowLimit,
    reservation_token,
    window_key,
)
from services.router.shared_redis import RedisUnavailableError
from shared.errors import Code
from tests.router.conftest import Edges, OwnValkey
from tests.router.played_ledger import PlayedLedger
from tests.router.quota_requests import ADA, applicable, most_in_any_window, quota_request, taken_at
from tests.router.samples import error_of, submission
from tests.support import eventually


def test_the_checker_sees_a_fixed_windows_burst_at_its_boundary() -> None:
    fixed_window = [59.0 + number / 100 for number in range(10)] + [60.0 + number / 100 for number in range(10)]
    assert most_in_any_window(fixed_window, 60) == 20


@pytest.fixture
async def windows(valkey_url: str, edges: Edges) -> AsyncIterator[SharedWindows]:
    yield SharedWindows(edges(valkey_url, timeout=1))


async def test_exactly_the_limit_is_admitted_under_fifty_concurrent_submitters(windows: SharedWindows) -> None:
    verdicts = await asyncio.gather(*[windows.take([quota_request(f"token-{number}")]) for number in range(50)])
    assert sum(isinstance(verdict, Admitted) for (verdict,) in verdicts) == 10


async def test_no_window_ever_holds_more_than_the_limit(valkey_url: str, edges: Edges) -> None:
    """50 submitters on two connections pools for several windows; the times are those of the reservations."""
    limit = WindowLimit(5, 0.3)
    five = applicable(limit=limit)
    routers = [SharedWindows(edges(valkey_url, timeout=10)) for _ in range(2)]
    times: list[float] = []

    async def submitter(number: int) -> None:
        tries = 0
        while len(times) < 5 * limit.count:
            tries += 1
            (verdict,) = await routers[number % 2].take([quota_request(f"{number}-{tries}", applicable=five)])
            if isinstance(verdict, Admitted):
                times.append(taken_at(verdict))

    await asyncio.gather(*[submitter(number) for number in range(50)])
    assert most_in_any_window(times, limit.seconds) == limit.count


async def test_a_place_is_free_at_the_time_told_and_not_before(valkey_url: str, edges: Edges) -> None:
    windows = SharedWindows(edges(valkey_url, timeout=1))
    one = applicable(limit=WindowLimit(1, 0.2))
    first = taken_at((await windows.take([quota_request("a", applicable=one)]))[0])
    (refused,) = await windows.take([quota_request("b", applicable=one)])
    assert isinstance(refused, LimitReached) and 0 < refused.state.reset <= 0.2001

    async def next_taken() -> float | None:
        (verdict,) = await windows.take([quota_request("b", applicable=one)])
        return taken_at(verdict) if isinstance(verdict, Admitted) else None

    assert 0.2 < await eventually(next_taken) - first < 2


async def test_one_batch_is_decided_in_its_order_with_one_call(windows: SharedWindows, valkey_url: str) -> None:
    with redis.Redis.from_url(valkey_url) as client:
        await windows.take([quota_request("up", "warm")])
        before = client.info("commandstats")["cmdstat_evalsha"]["calls"]
        verdicts = await windows.take(
            [quota_request(str(number)) for number in range(12)] + [quota_request("x", "other")]
        )
        assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == before + 1
    assert [isinstance(verdict, Admitted) for verdict in verdicts] == [True] * 10 + [False] * 2 + [True]


async def test_a_token_has_one_place_however_often_it_comes(windows: SharedWindows) -> None:
    first, again = await windows.take([quota_request("k"), quota_request("k")])
    assert isinstance(first, Admitted) and first.reservation
    assert isinstance(again, Admitted) and again.reservation is None


async def test_asking_takes_no_place(windows: SharedWindows) -> None:
    for _ in range(20):
        (verdict,) = await windows.take([quota_request("t", counted=False)])
        assert isinstance(verdict, Admitted) and verdict.reservation is None


async def test_a_place_that_is_given_back_can_be_taken_again(windows: SharedWindows) -> None:
    verdicts = await windows.take([quota_request(str(number)) for number in range(10)])
    await windows.give_back([verdicts[3].reservation])  # type: ignore[union-attr,list-item]
    again, refused = await windows.take([quota_request("new"), quota_request("newer")])
    assert isinstance(again, Admitted) and isinstance(refused, LimitReached)


async def test_a_place_that_a_repetition_shares_cannot_be_given_back(windows: SharedWindows) -> None:
    """The first use failed, the repetition that relied on its reservation was recorded: that is used."""
    (first,) = await windows.take([quota_request("k")])
    await windows.take([quota_request("k")])
    await windows.give_back([first.reservation])  # type: ignore[union-attr,list-item]
    verdicts = await windows.take([quota_request(str(number)) for number in range(10)])
    assert sum(isinstance(verdict, Admitted) for verdict in verdicts) == 9


async def test_windows_hold_nothing_personal_and_expire_by_themselves(windows: SharedWindows, valkey_url: str) -> None:
    key = window_key("acme", "canary-user", "SMS")
    await windows.take([quota_request(reservation_token("acme", "canary-key", "id"), key)])
    with redis.Redis.from_url(valkey_url) as client:
        (stored,) = client.keys("*")
        assert stored == b"{pulse:limit}:" + key.encode()
        assert b"canary" not in stored + client.zrange(stored, 0, -1)[0]
        assert 60_000 < client.pttl(stored) <= 61_000


async def test_a_server_clock_that_was_set_back_does_not_lock_users_out(
    windows: SharedWindows, valkey_url: str
) -> None:
    await windows.take([quota_request(str(number)) for number in range(10)])
    with redis.Redis.from_url(valkey_url) as client:
        for token, score in client.zrange("{pulse:limit}:" + ADA, 0, -1, withscores=True):
            client.zadd("{pulse:limit}:" + ADA, {token: score + 3600 * 1e6})
    (refused,) = await windows.take([quota_request("later")])
    assert isinstance(refused, LimitReached) and refused.state.reset < 61


async def test_the_scripts_are_loaded_again_where_they_are_not_known(windows: SharedWindows, valkey_url: str) -> None:
    await windows.take([quota_request("a")])
    with redis.Redis.from_url(valkey_url) as client:
        client.script_flush()
    (verdict,) = await windows.take([quota_request("b")])
    assert isinstance(verdict, Admitted)


async def test_a_call_to_a_hung_redis_ends_in_time_and_its_late_answer_confuses_nobody(
    own_valkey: OwnValkey, edges: Edges
) -> None:
    windows = SharedWindows(edges(f"{own_valkey.url}/0", timeout=0.02))
    await eventually(lambda: _takes(windows, "warm"))
    with own_valkey.frozen():
        started = time.monotonic()
        with pytest.raises(RedisUnavailableError):
            await windows.take([quota_request(str(number)) for number in range(10)])
        assert time.monotonic() - started < 0.1
    await eventually(lambda: _takes(windows, "thawed"))
    (verdict,) = await windows.take([quota_request("answer", "single")])
    assert isinstance(verdict, Admitted) and verdict.reservation and verdict.reservation.request.token == "answer"


async def _takes(windows: SharedWindows, token: str) -> bool:
    try:
        return bool(await windows.take([quota_request(token, "probe")]))
    except RedisUnavailableError:
        return False


def limiter(edges: Edges, url: str, replicas: int = 1, timeout: float = 0.5) -> Limiter:
    return Limiter(
        SharedWindows(edges(url, timeout)),
        LocalLimits(1_000),
        replicas=replicas,
        retry_after=0.05,
        grace=0.3,
    )


async def admitted(limits: Limiter, count: int) -> int:
    """How many of ``count`` fresh requests of one user are admitted."""
    tokens = [f"{random.getrandbits(64):x}" for _ in range(count)]
    verdicts = await limits.admit([quota_request(token) for token in tokens])
    return sum(isinstance(verdict, Admitted) for verdict in verdicts)


async def test_the_limit_holds_across_the_loss_and_the_return_of_redis(own_valkey: OwnValkey, edges: Edges) -> None:
    """Redis goes with what it counted and comes back empty; the router remembers what it admitted."""
    limits = limiter(edges, own_valkey.url)
    with capture_logs() as logs:
        assert await admitted(limits, 4) == 4
        own_valkey.stop()
        assert await admitted(limits, 3) == 3
        assert await admitted(limits, 9) == 3
        own_valkey.start()

        async def is_back() -> bool:
            await limits.admit([quota_request("p", "probe", counted=False)])
            return any(line["event"] == "back" for line in logs)

        await eventually(is_back)
        assert await admitted(limits, 10) == 0
    assert [line["event"] for line in logs] == ["away", "back"]


async def test_the_limit_holds_when_redis_is_emptied(valkey_url: str, edges: Edges) -> None:
    limits = limiter(edges, valkey_url)
    assert await admitted(limits, 7) == 7
    with redis.Redis.from_url(valkey_url) as client:
        client.flushall()
    assert await admitted(limits, 10) == 3


async def test_without_redis_routers_keep_the_limit_between_them(edges: Edges) -> None:
    """Nothing listens on port 1."""
    routers = [limiter(edges, "redis://127.0.0.1:1/0", replicas=3) for _ in range(3)]
    assert sum([await admitted(router, 10) for router in routers]) == 9


async def test_without_redis_a_strict_claim_is_closed_and_a_repetition_keeps_its_place(edges: Edges) -> None:
    limits = limiter(edges, "redis://127.0.0.1:1/0", replicas=10)
    strict, first, again, other = await limits.admit(
        [quota_request("s", strict=True), quota_request("k"), quota_request("k"), quota_request("o")]
    )
    assert isinstance(strict, Closed)
    assert isinstance(first, Admitted) and first.local and first.reservation
    assert isinstance(again, Admitted) and again.reservation is None
    assert isinstance(other, LimitReached)
    await limits.give_back([first.reservation])
    (now,) = await limits.admit([quota_request("o")])
    assert isinstance(now, Admitted)


async def test_a_redis_that_hangs_closes_strict_claims_only_after_its_grace(
    own_valkey: OwnValkey, edges: Edges
) -> None:
    """A late answer on a busy machine is no outage; no answer for longer is one."""
    limits = limiter(edges, own_valkey.url, timeout=0.05)
    numbers = itertools.count()

    async def strict() -> Verdict:
        (verdict,) = await limits.admit([quota_request("t", f"user-{next(numbers)}", strict=True)])
        return verdict

    await eventually(lambda: _is_shared(strict()))
    with own_valkey.frozen():
        late = await strict()
        assert isinstance(late, Admitted) and late.local
        await eventually(lambda: _is_closed(strict()))
    await eventually(lambda: _is_shared(strict()))


async def _is_shared(verdict: Awaitable[Verdict]) -> bool:
    answer = await verdict
    return isinstance(answer, Admitted) and not answer.local


async def _is_closed(verdict: Awaitable[Verdict]) -> bool:
    return isinstance(await verdict, Closed)


async def test_without_redis_sms_is_refused_and_the_rest_goes_on(run_router: Any, ledger: PlayedLedger) -> None:
    router = await run_router(redis_url="redis://127.0.0.1:1/0")
    ledger.keys["acme", "old"] = (b"f" * 32, "00000000-0000-7000-8000-00000000abcd")
    email, push, sms, known = await router.submit(
        submission(), submission("PUSH"), submission("SMS"), submission("SMS", idempotency_key="old")
    )
    assert email.notification_id and push.notification_id
    error = error_of(sms)
    assert (error.code, error.reason) == (Code.UNAVAILABLE, "LIMITER_UNAVAILABLE")
    assert error.retry_after and error.hint
    assert known.replayed
    assert "Redis is away" in ledger.rows[email.notification_id].entry.decisions[-1].reason


async def test_sms_goes_again_when_redis_is_back(run_router: Any, own_valkey: OwnValkey) -> None:
    router = await run_router(redis_url=f"{own_valkey.url}/0", router_limiter_retry_seconds=0.05)
    own_valkey.stop()
    (refused,) = await router.submit(submission("SMS"))
    assert error_of(refused).reason == "LIMITER_UNAVAILABLE"
    own_valkey.start()

    async def accepted() -> bool:
        (result,) = await router.submit(submission("SMS"))
        return bool(result.notification_id)

    await eventually(accepted)
