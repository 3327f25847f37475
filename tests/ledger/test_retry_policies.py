"""What channels and providers have differently from the policy for all."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import records_pb2
from services.ledger import retry_settings
from services.ledger.config import LedgerSettings
from services.ledger.rules.retry import Cause, RetryPolicies, RetryPolicy
from services.ledger.server import Ledger
from shared.channel.table import Channel
from shared.config import ConfigError
from shared.rpc.channels import open_channel
from tests.ledger.calls import Calls, Outcome, moment
from tests.ledger.conftest import NOON

DEFAULT = RetryPolicy(base=2, cap=300, longest_retry_after=900)
#: Of one that says nothing of email.
OTHER = dataclasses.replace(DEFAULT, cap=3600)
POLICIES = RetryPolicies(DEFAULT, retry_settings.parse("SMS: base=5, cap=600; twilio: base=7; smtp:max=8;"))


@pytest.mark.parametrize(
    ("channel", "provider", "different", "attempts"),
    [
        ("EMAIL", "other", {}, 3),
        ("EMAIL", "smtp", {"max_attempts": 8}, 8),
        ("EMAIL", "SMTP", {"max_attempts": 8}, 8),
        ("SMS", "other", {"base": 5, "cap": 600}, 3),
        ("SMS", "twilio", {"base": 7, "cap": 600}, 3),
        ("PUSH", "twilio", {"base": 7}, 3),
    ],
)
def test_a_provider_counts_before_its_channel_and_both_before_the_default(
    channel: str, provider: str, different: dict, attempts: int
):
    ordinary = OTHER if channel == "EMAIL" else DEFAULT
    assert POLICIES.of(Channel(channel), provider) == dataclasses.replace(ordinary, **different)
    assert POLICIES.max_attempts(Channel(channel), provider, 3) == attempts


def test_without_a_word_email_has_longer_waits_and_so_has_each_situation():
    policies = RetryPolicies(DEFAULT)
    assert set(policies.all([""])) == {DEFAULT, OTHER}
    assert policies.max_attempts(Channel.SMS, "twilio", 5) == 5


def waits(
    channel: Channel, cause: Cause = Cause.PROVIDER, *, attempts: int, falls_back: bool = False
) -> tuple[float, float]:
    """The first wait and all of them together, s, each at its longest, as delivered."""
    policy = RetryPolicies().after(channel, "any", cause, falls_back=falls_back)
    each = [policy.delay(attempt, lambda: 1.0) for attempt in range(1, attempts)]
    return each[0], sum(each)


@pytest.mark.parametrize(
    ("channel", "cause", "attempts", "first", "least_hours", "most_hours"),
    [
        (Channel.EMAIL, Cause.PROVIDER, 20, 2, 12, 16),
        (Channel.EMAIL, Cause.RECIPIENT, 20, 300, 12, 18),
        (Channel.EMAIL, Cause.CONFIGURATION, 20, 60, 12, 18),
        (Channel.SMS, Cause.PROVIDER, 6, 2, 0.1, 0.5),
        (Channel.PUSH, Cause.PROVIDER, 6, 2, 0.1, 0.5),
        (Channel.SMS, Cause.CONFIGURATION, 6, 60, 1, 4),
    ],
)
def test_the_schedule_fits_the_channel_and_the_kind_of_failure(
    channel: Channel, cause: Cause, attempts: int, first: float, least_hours: float, most_hours: float
):
    begins, all_together = waits(channel, cause, attempts=attempts)
    assert begins == first
    assert least_hours * 3600 <= all_together <= most_hours * 3600


@pytest.mark.parametrize("cause", list(Cause))
@pytest.mark.parametrize("channel", list(Channel))
def test_another_channel_that_is_to_take_over_does_not_wait_for_hours(channel: Channel, cause: Cause):
    assert waits(channel, cause, attempts=6, falls_back=True) == (2, 62)


@pytest.mark.parametrize(
    ("text", "channel", "cause", "different"),
    [
        ("recipient:base=5", "EMAIL", Cause.RECIPIENT, {"base": 5, "growth": 2, "cap": 3600}),
        ("email:cap=60", "EMAIL", Cause.RECIPIENT, {"base": 300, "growth": 2, "cap": 60}),
        ("smtp:cap=60", "EMAIL", Cause.CONFIGURATION, {"base": 60, "cap": 3600}),
        ("configuration:cap=90", "SMS", Cause.CONFIGURATION, {"base": 60, "cap": 90}),
        ("sms:growth=2", "SMS", Cause.PROVIDER, {"growth": 2}),
    ],
)
def test_what_a_policy_does_not_say_stays(text: str, channel: str, cause: Cause, different: dict):
    policies = RetryPolicies(DEFAULT, retry_settings.parse(text))
    found = policies.after(Channel(channel), "smtp", cause, falls_back=False)
    assert found == dataclasses.replace(DEFAULT, **different)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sms", "names no channel"),
        ("sms:", "names no channel"),
        (":base=5", "names no channel"),
        ("sms:base", "is no number"),
        ("sms:base=", "is no number"),
        ("sms:base=five", "is no number"),
        ("sms:max=2.5", "is no number"),
        ("sms:tries=5", "no 'tries'"),
        ("sms:growth=0.5", "growth=0.5 must be 1 to 100"),
        ("recipient:max=3", "max is for channels and providers"),
        ("sms:base=5,", "no ''"),
        ("sms:base=0", "above 0"),
        ("sms:cap=-1", "above 0"),
        ("sms:cap=nan", "above 0"),
        ("sms:cap=86401", "86,400 at the most"),
        ("sms:base=5;SMS:cap=9", "twice"),
        ("sms:base=1000", "a base is above its cap"),
        ("sms:base=250;twilio:cap=200", "a base is above its cap"),
        ("smtp:max=21", "LONGEST_ATTEMPTS=20"),
        ("smtp:cap=7200", "shorter than the longest retries"),
    ],
)
def test_what_cannot_be_is_refused_by_name(text: str, told: str):
    with pytest.raises(ConfigError, match=told):
        LedgerSettings.load({"PULSE_DATABASE_URL": "postgresql://h/d", "PULSE_LEDGER_RETRY_POLICIES": text})


async def test_the_ledger_goes_by_them(settings: LedgerSettings, clock):
    text = "sms:base=100,cap=100;sturdy:max=2"
    ledger = Ledger(settings.model_copy(update={"ledger_retry_policies": text}), clock)
    await ledger.start()
    try:
        async with open_channel(f"127.0.0.1:{ledger.port}") as channel:
            await _slow_and_sturdy(Calls(channel, clock))
    finally:
        await ledger.stop()


async def _slow_and_sturdy(calls: Calls) -> None:
    sms = [await calls.recorded(channel=enums_pb2.SMS, route=["other"]) for _ in range(20)]
    for claimed in await calls.claim(*sms):
        await calls.end(claimed, Outcome.TRANSIENT_FAILURE)
    # Of twenty waits of 50 to 100 s each is above what the default would allow.
    waits = [moment((await calls.get(ref)).next_attempt_time) - NOON for ref in sms]
    assert dt.timedelta(seconds=50) <= min(waits)
    assert max(waits) <= dt.timedelta(seconds=100)
    sturdy = await calls.recorded(route=["sturdy"], max_attempts=9)
    assert (await calls.get(sturdy)).max_attempts == 2


async def test_waiting_for_a_limit_spends_no_attempt(calls: Calls, clock):
    ref = await calls.recorded(max_attempts=1)
    for _ in range(5):
        (claimed,) = await calls.claim(ref)
        assert claimed.attempt == 1
        await calls.end(claimed, Outcome.RELEASED, retry_after=30)
        clock.advance(30)
    assert await calls.status(ref) == "QUEUED"


@pytest.mark.parametrize(
    ("cause", "fallbacks", "first_wait"),
    [
        (records_pb2.CAUSE_UNSPECIFIED, 0, 2),
        (records_pb2.PROVIDER, 0, 2),
        (records_pb2.RECIPIENT, 0, 300),
        (records_pb2.CONFIGURATION, 0, 60),
        (records_pb2.RECIPIENT, 1, 2),
    ],
)
async def test_what_a_failure_is_about_decides_when_to_try_again(
    calls: Calls, clock, cause: records_pb2.Cause.ValueType, fallbacks: int, first_wait: float
):
    fallbacks = [records_pb2.RoutedFallback(channel=enums_pb2.SMS, to="+4915112345678", route=["text"])] * fallbacks
    ref = await calls.recorded(fallbacks=fallbacks)
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.TRANSIENT_FAILURE, cause=cause)
    wait = (moment((await calls.get(ref)).next_attempt_time) - NOON).total_seconds()
    assert first_wait / 2 <= wait <= first_wait


async def test_a_full_mailbox_and_a_greylisting_server_are_outlasted(calls: Calls, clock):
    """Eight hours of a failure that passes, and the email still goes."""
    ref = await calls.recorded(max_attempts=20)
    while clock.now() < NOON + dt.timedelta(hours=8):
        (claimed,) = await calls.claim(ref)
        await calls.end(claimed, Outcome.TRANSIENT_FAILURE, cause=records_pb2.RECIPIENT)
        clock.advance((moment((await calls.get(ref)).next_attempt_time) - clock.now()).total_seconds())
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.SUCCEEDED)
    assert await calls.status(ref) == "SENT"


async def test_a_code_that_expires_soon_is_not_put_off_beyond_its_end(calls: Calls, clock):
    end = NOON + dt.timedelta(minutes=5)
    ref = await calls.recorded(max_attempts=20, expires_at=end)
    tries = 0
    while (await calls.status(ref)) in ("QUEUED", "RETRYING") and tries < 4:
        (claimed,) = await calls.claim(ref)
        await calls.end(claimed, Outcome.TRANSIENT_FAILURE, cause=records_pb2.RECIPIENT)
        clock.advance((moment((await calls.get(ref)).next_attempt_time) - clock.now()).total_seconds())
        tries += 1
        assert clock.now() < end
    assert tries == 4
