"""What channels and providers have differently from the policy for all."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from pulse.common.v1 import enums_pb2
from services.ledger import retry_settings
from services.ledger.config import LedgerSettings
from services.ledger.delivery import Channel
from services.ledger.retry import RetryPolicies, RetryPolicy
from services.ledger.server import Ledger
from shared.channels import open_channel
from shared.config import ConfigError
from tests.ledger.calls import Calls, Outcome, moment
from tests.ledger.conftest import NOON

DEFAULT = RetryPolicy(base=2, cap=300, longest_retry_after=900)
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
    assert POLICIES.of(Channel(channel), provider) == dataclasses.replace(DEFAULT, **different)
    assert POLICIES.max_attempts(Channel(channel), provider, 3) == attempts


def test_without_a_word_one_policy_is_for_all():
    policies = RetryPolicies(DEFAULT, retry_settings.parse(""))
    assert set(policies.all()) == {DEFAULT}
    assert policies.max_attempts(Channel.SMS, "twilio", 5) == 5


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
        ("sms:base=5,", "no ''"),
        ("sms:base=0", "above 0"),
        ("sms:cap=-1", "above 0"),
        ("sms:cap=nan", "above 0"),
        ("sms:cap=86401", "86,400 at the most"),
        ("sms:base=5;SMS:cap=9", "twice"),
        ("sms:base=500", "a base is above its cap"),
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
    # Full jitter: of twenty waits up to 100 s, one at least is above what the default would allow.
    waits = [moment((await calls.get(ref)).next_attempt_time) - NOON for ref in sms]
    assert dt.timedelta(seconds=2) < max(waits) <= dt.timedelta(seconds=100)
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
