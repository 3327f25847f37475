"""Limits that operators set while the router runs, and what is told of limits, seen by the gateway."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1.enums_pb2 import Channel, Status
from pulse.common.v1.notification_pb2 import Fallback
from shared.errors import Code, PulseError
from shared.times import from_duration, to_duration
from tests.router.played_ledger import PlayedLedger
from tests.router.samples import error_of, submission
from tests.support import eventually

GERMAN, SATELLITE = "+4915112345678", "+881612345678"


def fallback(channel: str, to: str = "", after: float = 30) -> Fallback:
    return Fallback(channel=Channel.Value(channel), to=to, after=to_duration(after))


async def heard(ledger: PlayedLedger) -> None:
    """Returns once the router has asked again, and so works by what it was told before that."""
    told = ledger.told
    await eventually(lambda: ledger.told >= told + 2)


async def test_a_limit_takes_effect_without_a_restart_and_what_is_configured_counts_again_once_it_is_deleted(
    run_router: Any, ledger: PlayedLedger
) -> None:
    router = await run_router(router_limits_poll_seconds=0.05, router_limit=2)
    ledger.set_limit("USER_CHANNEL", 4, tenant="acme")
    await heard(ledger)
    results = await router.submit(*[submission(user="ada") for _ in range(5)])
    assert [result.HasField("error") for result in results] == [False] * 4 + [True]
    assert "4 per 60 s" in error_of(results[4]).message
    ledger.delete_limits()
    await heard(ledger)
    results = await router.submit(*[submission(user="bob") for _ in range(3)])
    assert [result.HasField("error") for result in results] == [False] * 2 + [True]


async def test_limits_set_before_the_start_hold_from_the_first_submission_on(
    run_router: Any, ledger: PlayedLedger
) -> None:
    ledger.set_limit("USER_CHANNEL", 1)
    router = await run_router(router_limits_poll_seconds=60)
    results = await router.submit(submission(user="ada"), submission(user="ada"))
    assert [result.HasField("error") for result in results] == [False, True]


async def test_the_limits_told_last_stay_while_the_ledger_is_away(run_router: Any, ledger: PlayedLedger) -> None:
    ledger.set_limit("USER_CHANNEL", 1)
    router = await run_router(router_limits_poll_seconds=0.05)
    ledger.failure = PulseError(Code.UNAVAILABLE, "DATABASE_UNAVAILABLE", "the database is away")
    await eventually(lambda: router.router.limits_away)
    ledger.failure = None
    results = await router.submit(submission(user="ada"), submission(user="ada"))
    assert [result.HasField("error") for result in results] == [False, True]
    await eventually(lambda: not router.router.limits_away)


async def test_a_template_may_have_a_window_of_its_own(run_router: Any, ledger: PlayedLedger) -> None:
    ledger.set_limit("USER_CHANNEL", 1, subject="login_otp")
    router = await run_router(router_limit=2)
    results = await router.submit(
        *[submission(user="ada", template_name="login_otp") for _ in range(2)],
        *[submission(user="ada") for _ in range(3)],
    )
    assert [result.HasField("error") for result in results] == [False, True, False, False, True]
    assert "this user, channel and template" in error_of(results[1]).message


@pytest.mark.parametrize(
    ("kind", "same", "other"),
    [
        ("RECIPIENT", {"to": "ada@example.com"}, {"to": "bob@example.com"}),
        ("TENANT", {}, {"tenant_id": "other"}),
    ],
)
async def test_a_refusal_names_the_limit_the_amount_and_the_time(
    run_router: Any, ledger: PlayedLedger, kind: str, same: dict[str, str], other: dict[str, str]
) -> None:
    ledger.set_limit(kind, 2, 600)
    router = await run_router()
    results = await router.submit(*[submission(**same) for _ in range(3)], submission(**{**same, **other}))
    assert [result.HasField("error") for result in results] == [False, False, True, False]
    error = error_of(results[2])
    assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    assert [quota.subject for quota in error.quotas] == [kind.lower()]
    assert "2 per 600 s" in error.quotas[0].description
    assert error.metadata == {"limit": kind.lower(), "amount": "2", "window_seconds": "600"}
    assert error.retry_after is not None and 590 < error.retry_after < 611
    assert "ada" not in str(results[2])


async def test_where_the_caller_stands_is_told_on_success_and_refusal_alike(run_router: Any) -> None:
    router = await run_router(router_limit=2, router_tenant_limit=100)
    quotas = [result.quota for result in await router.submit(*[submission(user="ada") for _ in range(3)])]
    assert [(one.name, one.amount, one.remaining) for one in quotas] == [
        ("user_channel", 2, 1), ("user_channel", 2, 0), ("user_channel", 2, 0),
    ]  # fmt: skip
    assert all(from_duration(one.window) == 60 and 59 < from_duration(one.reset) <= 60.001 for one in quotas)
    (asked,) = await router.submit(submission(validate_only=True, tenant_id="other"))
    assert asked.quota.remaining == 2 and not asked.quota.HasField("reset")


async def test_without_redis_the_share_that_is_left_is_told(run_router: Any) -> None:
    router = await run_router(redis_url="redis://127.0.0.1:1/0", router_limit=10, router_replicas=2)
    email, sms = await router.submit(submission(), submission("SMS", to=GERMAN))
    assert (email.quota.amount, email.quota.remaining) == (10, 4)
    assert not sms.HasField("quota")


async def test_the_timeline_tells_which_limits_were_looked_at_and_the_nearest(
    run_router: Any, ledger: PlayedLedger
) -> None:
    router = await run_router(router_tenant_limit=1_000, router_limit=10)
    (result,) = await router.submit(submission())
    (limit,) = [one for one in ledger.rows[result.notification_id].entry.decisions if one.rule == "limit"]
    assert limit.reason == (
        "Within all of user_channel, tenant; nearest to its end is 10 per 60 s for this user and channel, 9 left."
    )


async def test_a_denied_number_is_refused_until_an_operator_allows_it(run_router: Any, ledger: PlayedLedger) -> None:
    router = await run_router(router_limits_poll_seconds=0.05)
    (denied,) = await router.submit(submission("SMS", to=SATELLITE))
    error = error_of(denied)
    assert (error.code, error.reason) == (Code.PERMISSION_DENIED, "SMS_PREFIX_DENIED")
    assert "sms_prefix:+881" in error.hint and SATELLITE not in str(denied)
    ledger.set_limit("SMS_PREFIX", 1, None, subject="+881", tenant="acme")
    await heard(ledger)
    acme, other = await router.submit(
        submission("SMS", to=SATELLITE), submission("SMS", to=SATELLITE, tenant_id="other")
    )
    assert acme.notification_id and error_of(other).reason == "SMS_PREFIX_DENIED"


async def test_a_known_key_is_answered_whatever_is_denied_now(run_router: Any, ledger: PlayedLedger) -> None:
    router = await run_router()
    ledger.keys["acme", "old"] = (b"f" * 32, "00000000-0000-7000-8000-00000000abcd")
    (replay,) = await router.submit(submission("SMS", to=SATELLITE, idempotency_key="old"))
    assert replay.replayed and not replay.HasField("error")


async def test_sms_to_a_country_can_be_bounded(run_router: Any, ledger: PlayedLedger) -> None:
    ledger.set_limit("SMS_PREFIX", 2, 3_600, subject="+49")
    router = await run_router()
    results = await router.submit(*[submission("SMS", to=GERMAN) for _ in range(3)], submission("SMS", to="+43699123"))
    assert [result.HasField("error") for result in results] == [False, False, True, False]
    assert [quota.subject for quota in error_of(results[2]).quotas] == ["sms_prefix"]


async def test_what_sms_may_cost_is_capped(run_router: Any, ledger: PlayedLedger) -> None:
    router = await run_router(router_sms_prices="+49=0.4", router_sms_spend_limit=1, router_limits_poll_seconds=0.05)
    results = await router.submit(*[submission("SMS", to=GERMAN) for _ in range(3)], submission("SMS", to="+43699123"))
    assert [result.HasField("error") for result in results] == [False, False, True, False]
    error = error_of(results[2])
    assert [quota.subject for quota in error.quotas] == ["sms_spend"] and "1 per 86400 s" in error.message
    ledger.set_limit("SMS_SPEND", 2_000_000, 86_400, tenant="acme")
    await heard(ledger)
    results = await router.submit(*[submission("SMS", to=GERMAN) for _ in range(4)])
    assert [result.HasField("error") for result in results] == [False] * 3 + [True]


async def test_each_segment_of_an_sms_costs(run_router: Any, ledger: PlayedLedger) -> None:
    """A gateway of a release before says nothing of segments: it counts as one."""
    router = await run_router(router_sms_prices="+49=0.1", router_sms_spend_limit=1)
    segments = [3, 3, 3, 2, None, None]
    sent = [submission("SMS", to=GERMAN, sms_size={"segments": count} if count else None) for count in segments]
    results = await router.submit(*sent)
    assert [result.HasField("error") for result in results] == [False, False, False, True, False, True]
    assert [quota.subject for quota in error_of(results[3]).quotas] == ["sms_spend"]


async def test_segments_of_a_fallback_cost_too(run_router: Any, ledger: PlayedLedger) -> None:
    router = await run_router(router_sms_prices="+49=0.5", router_sms_spend_limit=1)
    sent = [submission("EMAIL", fallbacks=[fallback("SMS", GERMAN)], sms_size={"segments": 2}) for _ in range(2)]
    assert [result.HasField("error") for result in await router.submit(*sent)] == [False, True]


class TestFallbacks:
    """Channels a notification may move on to."""

    async def test_are_passed_on_with_their_routes(self, run_router: Any, ledger: PlayedLedger) -> None:
        router = await run_router(router_sms_route="twilio,backup")
        sent = submission("PUSH", to="", fallbacks=[fallback("SMS", GERMAN), fallback("EMAIL", "a@example.com", 600)])
        (result,) = await router.submit(sent)
        entry = ledger.rows[result.notification_id].entry
        assert [(one.channel, one.to, list(one.route), one.after) for one in entry.fallbacks] == [
            (Channel.SMS, GERMAN, ["twilio", "backup"], to_duration(30)),
            (Channel.EMAIL, "a@example.com", ["smtp"], to_duration(600)),
        ]
        routes = [(one.result, one.reason) for one in entry.decisions if one.rule == "route"]
        assert routes == [
            ("fcm", "The only provider set for PUSH."),
            ("SMS: twilio, backup", "For the fallback to SMS. The order set for SMS."),
            ("EMAIL: smtp", "For the fallback to EMAIL. The only provider set for EMAIL."),
        ]

    @pytest.mark.parametrize(
        ("fallbacks", "reason", "said"),
        [
            ([fallback("EMAIL", "b@example.com")], "CHANNEL_REPEATED", "fallbacks[0].channel"),
            ([fallback("SMS", GERMAN), fallback("SMS", GERMAN)], "CHANNEL_REPEATED", "fallbacks[1].channel"),
            ([Fallback(channel=9, to="x")], "NO_ROUTE", "CHANNEL_UNSPECIFIED"),  # type: ignore[arg-type]
            ([fallback("SMS", SATELLITE)], "SMS_PREFIX_DENIED", "+881"),
        ],
    )
    async def test_that_cannot_be_are_refused(
        self, run_router: Any, fallbacks: list[Fallback], reason: str, said: str
    ) -> None:
        router = await run_router()
        wrong, right = await router.submit(submission(fallbacks=fallbacks), submission())
        assert error_of(wrong).reason == reason and said in error_of(wrong).message
        assert right.notification_id

    async def test_count_in_the_limits_of_their_channels(self, run_router: Any) -> None:
        """Ten pushes that may become ten SMS leave no room for an eleventh SMS."""
        router = await run_router(router_limit=2)
        results = await router.submit(
            *[submission("PUSH", user="ada", fallbacks=[fallback("SMS", GERMAN)]) for _ in range(2)],
            submission("SMS", user="ada", to=GERMAN),
            submission(user="ada"),
        )
        assert [result.HasField("error") for result in results] == [False, False, True, False]

    async def test_to_sms_are_refused_while_redis_is_away(self, run_router: Any) -> None:
        router = await run_router(redis_url="redis://127.0.0.1:1/0")
        refused, right = await router.submit(submission(fallbacks=[fallback("SMS", GERMAN)]), submission())
        assert error_of(refused).reason == "LIMITER_UNAVAILABLE" and right.notification_id


async def test_a_digests_window_is_passed_on(run_router: Any, ledger: PlayedLedger) -> None:
    router = await run_router()
    with_window, without = await router.submit(submission(digest_window=to_duration(600)), submission())
    assert ledger.rows[with_window.notification_id].entry.asked.digest_window == to_duration(600)
    assert not ledger.rows[without.notification_id].entry.asked.HasField("digest_window")


async def test_what_the_ledger_put_off_or_suppressed_is_not_published(
    run_router: Any, ledger: PlayedLedger, queues: Any
) -> None:
    router = await run_router()
    ledger.status = Status.SUPPRESSED
    (result,) = await router.submit(submission())
    assert result.status == Status.SUPPRESSED
    ledger.status = Status.QUEUED
    (sent,) = await router.submit(submission())
    seen: list[str] = []

    def published() -> bool:
        seen.extend(queues.ids("LOW"))
        return sent.notification_id in seen

    await eventually(published)
    assert result.notification_id not in seen


async def test_weights_spread_the_first_attempts(run_router: Any, ledger: PlayedLedger) -> None:
    router = await run_router(router_email_route="smtp:1,ses:1")
    results = await router.submit(*[submission() for _ in range(100)])
    entries = [ledger.rows[result.notification_id].entry for result in results]
    assert {tuple(entry.route) for entry in entries} == {("smtp", "ses"), ("ses", "smtp")}
    again = [submission(notification_id=entries[0].ref.notification_id, user="again")]
    (result,) = await router.submit(*again)
    assert ledger.rows[result.notification_id].entry.route == entries[0].route
