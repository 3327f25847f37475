"""What becomes of a submission, seen by the gateway."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from pulse.common.v1.enums_pb2 import Priority, Status
from pulse.router.v1.router_service_pb2 import SubmitRequest
from shared.errors import Code, PulseError
from shared.times import to_timestamp
from tests.router.played_ledger import PlayedLedger
from tests.router.samples import error_of, submission
from tests.support import eventually


def soon() -> Any:
    return to_timestamp(dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))


async def test_an_admitted_submission_is_recorded_with_all_that_was_decided(
    run_router: Any, ledger: PlayedLedger
) -> None:
    router = await run_router(router_email_route="smtp,backup")
    sent = submission(
        template_name="login_OTP", metadata={"team": "a"}, locale="de", category="security", idempotency_key="k"
    )
    (result,) = await router.submit(sent)

    entry = ledger.rows[result.notification_id].entry
    assert (result.status, result.replayed) == (Status.QUEUED, False)
    assert (entry.lane, list(entry.route), entry.max_attempts) == (Priority.HIGH, ["smtp", "backup"], 20)
    assert entry.dispatched and not entry.HasField("not_before") and not entry.HasField("expires_at")
    assert (entry.asked, entry.fingerprint) == (sent.asked, sent.fingerprint)
    assert [(one.rule, one.result) for one in entry.decisions] == [
        ("lane", "HIGH"), ("route", "smtp, backup"), ("schedule", "at once"), ("limit", "admitted"),
    ]  # fmt: skip
    assert all(one.reason.endswith(".") for one in entry.decisions)


async def test_a_later_time_is_kept_and_not_published(run_router: Any, ledger: PlayedLedger, queues: Any) -> None:
    router = await run_router()
    at = soon()
    (result,) = await router.submit(submission(send_at=at))
    entry = ledger.rows[result.notification_id].entry
    assert result.status == Status.SCHEDULED
    assert entry.not_before == at and not entry.dispatched
    assert queues.ids("LOW") == []


async def test_each_of_a_batch_has_its_own_outcome_in_its_own_place(run_router: Any, ledger: PlayedLedger) -> None:
    router = await run_router(router_limit=1)
    results = await router.submit(
        submission(user="ada"), submission(user="ada"), submission(channel="CHANNEL_UNSPECIFIED"), submission(),
        submission(template_name="otp"),
    )  # fmt: skip
    assert [bool(result.notification_id) for result in results] == [True, False, False, True, True]
    assert error_of(results[1]).reason == "RATE_LIMITED"
    assert error_of(results[2]).reason == "NO_ROUTE"
    assert set(ledger.rows) == {result.notification_id for result in results if result.notification_id}


async def test_a_refusal_names_the_limit_and_the_time_but_not_the_user(run_router: Any) -> None:
    router = await run_router()
    results = await router.submit(*[submission(user="secret-user") for _ in range(11)])
    error = error_of(results[-1])
    assert [result.HasField("error") for result in results] == [False] * 10 + [True]
    assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    assert "10 per 60 s for this user and channel" in error.message
    assert [quota.subject for quota in error.quotas] == ["user_channel"]
    assert error.retry_after is not None and 59 < error.retry_after < 61
    assert error.hint and "secret-user" not in str(results[-1])


async def test_fifty_concurrent_calls_of_one_user_get_exactly_the_limit(run_router: Any, ledger: PlayedLedger) -> None:
    """On two routers, which agree because Redis counts."""
    routers = [await run_router(), await run_router()]
    results = await asyncio.gather(*[routers[number % 2].submit(submission(user="ada")) for number in range(50)])
    assert sum(not result.HasField("error") for (result,) in results) == 10 == len(ledger.rows)


async def test_users_channels_and_tenants_are_counted_apart(run_router: Any) -> None:
    router = await run_router(router_limit=1)
    results = await router.submit(
        submission(user="ada"), submission("PUSH", user="ada"), submission(user="bob"),
        submission(user="ada", tenant_id="other"),
    )  # fmt: skip
    assert not any(result.HasField("error") for result in results)


async def test_a_known_key_is_answered_whatever_the_limits_say(run_router: Any, ledger: PlayedLedger) -> None:
    """Its first use lies before the window here, so that only the ledger knows it."""
    router = await run_router(router_limit=2)
    ledger.keys["acme", "old"] = (b"f" * 32, "00000000-0000-7000-8000-00000000abcd")
    await router.submit(submission(user="ada"), submission(user="ada"))
    replay, other, fresh = await router.submit(
        submission(user="ada", idempotency_key="old"),
        submission(user="ada", idempotency_key="old", fingerprint=b"x" * 32),
        submission(user="ada", idempotency_key="new"),
    )
    assert (replay.notification_id, replay.replayed) == ("00000000-0000-7000-8000-00000000abcd", True)
    assert error_of(other).reason == "IDEMPOTENCY_KEY_REUSED"
    assert error_of(fresh).reason == "RATE_LIMITED"


async def test_a_replay_costs_no_quota(run_router: Any, ledger: PlayedLedger) -> None:
    """Neither while the first use is in the window nor, by refund, when it is not; nor does a key that is refused."""
    router = await run_router(router_limit=3)
    ledger.keys["acme", "old"] = (b"f" * 32, "00000000-0000-7000-8000-00000000abcd")
    (first,) = await router.submit(submission(user="ada", idempotency_key="k"))
    for _ in range(5):
        (again,) = await router.submit(submission(user="ada", idempotency_key="k"))
        assert (again.notification_id, again.replayed) == (first.notification_id, True)
        (old,) = await router.submit(submission(user="ada", idempotency_key="old"))
        assert old.replayed
        (other,) = await router.submit(submission(user="ada", idempotency_key="old", fingerprint=b"x" * 32))
        assert error_of(other).reason == "IDEMPOTENCY_KEY_REUSED"
    results = await router.submit(*[submission(user="ada") for _ in range(3)])
    assert [result.HasField("error") for result in results] == [False, False, True]


async def test_concurrent_uses_of_one_key_get_one_answer(run_router: Any, ledger: PlayedLedger) -> None:
    router = await run_router(router_limit=2)
    results = await asyncio.gather(*[router.submit(submission(user="ada", idempotency_key="k")) for _ in range(20)])
    assert len({result.notification_id for (result,) in results}) == 1 == len(ledger.rows)
    assert sum(not result.replayed for (result,) in results) == 1


async def test_a_certain_failure_of_the_ledger_gives_the_place_back(run_router: Any, ledger: PlayedLedger) -> None:
    router = await run_router(router_limit=1)
    ledger.failure = PulseError(Code.RESOURCE_EXHAUSTED, "OVERLOADED", "too much at once")
    (failed,) = await router.submit(submission(user="ada"))
    assert error_of(failed).reason == "OVERLOADED"
    ledger.failure = None
    (result,) = await router.submit(submission(user="ada"))
    assert result.notification_id


@pytest.mark.parametrize("code", [Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.INTERNAL])
async def test_an_unknown_outcome_keeps_the_place(run_router: Any, ledger: PlayedLedger, code: Code) -> None:
    router = await run_router(router_limit=1)
    ledger.failure = PulseError(code, "LOST", "the answer was lost")
    (failed,) = await router.submit(submission(user="ada"))
    assert error_of(failed).reason == "LOST"
    ledger.failure = None
    (result,) = await router.submit(submission(user="ada"))
    assert error_of(result).reason == "RATE_LIMITED"


async def test_a_key_that_cannot_be_looked_up_is_not_called_limited(run_router: Any, ledger: PlayedLedger) -> None:
    router = await run_router(router_limit=1)
    await router.submit(submission(user="ada"))
    ledger.failure = PulseError(Code.UNAVAILABLE, "DATABASE_UNAVAILABLE", "the database is away")
    keyed, keyless = await router.submit(submission(user="ada", idempotency_key="k"), submission(user="ada"))
    assert error_of(keyed).reason == "LEDGER_UNAVAILABLE"
    assert error_of(keyless).reason == "RATE_LIMITED"


async def test_validate_only_decides_but_counts_and_records_nothing(run_router: Any, ledger: PlayedLedger) -> None:
    router = await run_router(router_limit=1)
    for _ in range(3):
        now, later = await router.submit(
            submission(user="ada", validate_only=True), submission(user="ada", validate_only=True, send_at=soon())
        )
        assert (now.status, now.notification_id) == (Status.QUEUED, "")
        assert (later.status, later.notification_id) == (Status.SCHEDULED, "")
    await router.submit(submission(user="ada"))
    (refused,) = await router.submit(submission(user="ada", validate_only=True))
    assert error_of(refused).reason == "RATE_LIMITED"
    assert len(ledger.rows) == 1


@pytest.mark.parametrize("count", [0, 1_001])
async def test_an_empty_or_oversize_batch_is_refused(run_router: Any, count: int) -> None:
    router = await run_router()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await router.stub.Submit(SubmitRequest(submissions=[submission()] * count), timeout=5)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_concurrent_calls_travel_together(run_router: Any, ledger: PlayedLedger) -> None:
    router = await run_router()
    ledger.open.clear()
    first = asyncio.create_task(router.submit(submission()))
    await eventually(lambda: ledger.arrived)
    others = [asyncio.create_task(router.submit(submission())) for _ in range(40)]
    await eventually(lambda: router.router.waiting == 40)
    ledger.open.set()
    await asyncio.gather(first, *others)
    assert ledger.batches == [1, 40]


async def test_a_large_batch_is_recorded_in_batches_of_the_size_set(run_router: Any, ledger: PlayedLedger) -> None:
    router = await run_router(router_record_batch=300)
    results = await router.submit(*[submission() for _ in range(1_000)])
    assert [result.notification_id in ledger.rows for result in results] == [True] * 1_000
    assert sorted(ledger.batches) == [100, 300, 300, 300]


async def test_high_is_recorded_while_low_waits_for_the_ledger(run_router: Any, ledger: PlayedLedger) -> None:
    router = await run_router()
    ledger.open.clear()
    low = asyncio.create_task(router.submit(submission()))
    await eventually(lambda: ledger.arrived)
    high = asyncio.create_task(router.submit(submission(template_name="otp")))
    await eventually(lambda: ledger.arrived == 2)
    ledger.open.set()
    await asyncio.gather(low, high)
    assert ledger.batches == [1, 1]


async def test_the_ledger_being_away_is_said_and_recovers_without_restart(
    run_router: Any, ledger: PlayedLedger
) -> None:
    router = await run_router()
    await ledger.stop()
    (failed,) = await router.submit(submission())
    assert error_of(failed).code is Code.UNAVAILABLE
    await ledger.start()

    async def accepted() -> bool:
        (result,) = await router.submit(submission())
        return bool(result.notification_id)

    await eventually(accepted)


async def test_large_requests_do_not_fail_each_other(run_router: Any, ledger: PlayedLedger) -> None:
    """Together they are more than one call to the ledger may carry."""
    router = await run_router()
    large = '{"text":"' + "x" * 400_000 + '"}'
    calls = [router.submit(*[submission(context_json=large) for _ in range(25)]) for _ in range(3)]
    results = [result for some in await asyncio.gather(*calls) for result in some]
    assert all(result.notification_id in ledger.rows for result in results)


async def test_a_time_that_cannot_be_fails_alone(run_router: Any) -> None:
    router = await run_router()
    wrong, right = await router.submit(submission(send_at=Timestamp(seconds=10**15)), submission())
    assert error_of(wrong).code is Code.INVALID_ARGUMENT
    assert right.notification_id


async def test_a_submission_told_twice_is_recorded_once_and_costs_one_place(
    run_router: Any, ledger: PlayedLedger
) -> None:
    router = await run_router(router_limit=2)
    sent = submission(user="ann")
    for _ in range(3):
        (result,) = await router.submit(sent)
        assert result.notification_id == sent.notification_id
    (other,) = await router.submit(submission(user="ann"))
    assert not other.HasField("error"), "the repetitions took no place"
