"""What was asked for goes through the router untouched, in the form of this release and of the one before."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from pulse.common.v1.asked_pb2 import Asked
from pulse.common.v1.enums_pb2 import DeliveryGuarantee
from pulse.common.v1.notification_pb2 import Fallback
from pulse.ledger.v1.records_pb2 import Entry
from pulse.router.v1.router_service_pb2 import Submission
from shared.ids import uuid7
from shared.times import to_duration, to_timestamp
from tests.router.samples import error_of, submission

#: A field of a later release: number 999, a text.
LATER = b"\xba\x3e\x05later"
NOON = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
FULL: dict[str, Any] = {
    "user_id": "ada",
    "template_name": "news",
    "template_version": 7,
    "channel": 1,
    "to": "ada@example.com",
    "subject": "Hi",
    "context_json": '{"name":"Ada"}',
    "idempotency_key": "key-1",
    "expires_at": to_timestamp(NOON.replace(year=2090)),
    "locale": "de-AT",
    "metadata": {"team": "growth", "": ""},
    "delivery_guarantee": DeliveryGuarantee.AT_MOST_ONCE,
    "fallbacks": [Fallback(channel=2, to="+4915112345678", after=to_duration(30))],
    "category": "security",
    "digest_window": to_duration(300),
}


def former(**fields: Any) -> Submission:
    """As the gateway of the release before says it."""
    return Submission(tenant_id="acme", notification_id=uuid7(NOON), fingerprint=b"f" * 32, **fields)


def in_former_form(entry: Entry) -> dict[str, Any]:
    """What of an entry the ledger of the release before reads, as far as it is of what was asked."""
    fields = entry.DESCRIPTOR.fields
    return {field.name: getattr(entry, field.name) for field in fields if field.GetOptions().deprecated}


@pytest.mark.parametrize("fields", [FULL, {name: FULL[name] for name in ("user_id", "template_name", "channel", "to")}])
async def test_a_gateway_of_the_release_before_is_understood(
    run_router: Any, ledger: Any, fields: dict[str, Any]
) -> None:
    router = await run_router()
    said = former(**fields)
    (result,) = await router.submit(said)
    assert not result.HasField("error"), result.error
    assert ledger.rows[result.notification_id].entry.asked == Asked(**fields)


async def test_a_ledger_of_the_release_before_finds_all_where_it_looks(run_router: Any, ledger: Any) -> None:
    ledger.reads_asked = False
    router = await run_router()
    await router.submit(submission())
    (result,) = await router.submit(submission(**{name: value for name, value in FULL.items() if name != "channel"}))
    entry = ledger.rows[result.notification_id].entry
    wanted = Entry(**{name: value for name, value in FULL.items() if name != "fallbacks"})
    assert in_former_form(entry) == in_former_form(wanted)
    assert [(one.channel, one.to, one.after.seconds) for one in entry.fallbacks] == [(2, "+4915112345678", 30)]


async def test_a_ledger_that_reads_what_was_asked_gets_it_once(run_router: Any, ledger: Any) -> None:
    router = await run_router()
    results = [*await router.submit(submission()), *await router.submit(submission())]
    first, second = [in_former_form(ledger.rows[one.notification_id].entry) for one in results]
    assert first["user_id"] and second == in_former_form(Entry())


async def test_what_the_router_does_not_know_goes_on_to_the_ledger(run_router: Any, ledger: Any) -> None:
    router = await run_router()
    sent = submission()
    sent.asked.MergeFromString(LATER)
    (result,) = await router.submit(sent)
    assert ledger.rows[result.notification_id].entry.asked.SerializeToString().endswith(LATER)


async def test_a_submission_of_the_release_before_is_refused_by_the_same_rules(run_router: Any) -> None:
    router = await run_router()
    results = await router.submit(
        former(**FULL | {"send_at": {"seconds": 10**15}}),
        former(**FULL | {"fallbacks": [Fallback(channel=1, to="x@example.com")]}),
    )
    assert [error_of(result).reason for result in results] == ["INVALID_FIELDS", "CHANNEL_REPEATED"]
