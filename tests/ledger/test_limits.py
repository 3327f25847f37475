"""Limits that operators set while Pulse runs."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1.limit_pb2 import Limit
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2
from shared.errors import Code, PulseError
from shared.rpc.channels import call
from shared.times import to_duration
from tests.ledger.calls import Calls, moment
from tests.ledger.conftest import NOON


def limit(kind: str, amount: int = 5, window: float = 60, **fields: Any) -> Limit:
    """``window`` in s; 0: none."""
    return Limit(kind=kind, amount=amount, window=to_duration(window) if window else None, **fields)


async def set_limit(calls: Calls, wanted: Limit, actor: str = "ops") -> Limit:
    return (await call(calls.admin.SetLimit, ledger_admin_pb2.SetLimitRequest(limit=wanted, actor=actor))).limit


async def listed(calls: Calls, tenant_id: str = "", known_revision: int = 0) -> tuple[list[tuple[str, str]], int]:
    """Tenant and id of each limit, and the revision."""
    request = ledger_reader_pb2.ListLimitsRequest(tenant_id=tenant_id, known_revision=known_revision)
    answer = await call(calls.reader.ListLimits, request)
    return [(one.tenant_id, one.limit_id) for one in answer.limits], answer.revision


async def forget(calls: Calls, tenant_id: str, limit_id: str) -> None:
    request = ledger_admin_pb2.DeleteLimitRequest(tenant_id=tenant_id, limit_id=limit_id)
    await call(calls.admin.DeleteLimit, request)


async def test_a_limit_is_kept_with_who_set_it_and_when(calls: Calls):
    stored = await set_limit(calls, limit("USER_CHANNEL", 7, 0.5, subject="login_otp", tenant_id="acme"), "key-7")
    assert (stored.limit_id, stored.tenant_id, stored.amount) == ("user_channel:login_otp", "acme", 7)
    assert (stored.actor, moment(stored.update_time), stored.window.nanos) == ("key-7", NOON, 500_000_000)
    request = ledger_reader_pb2.ListLimitsRequest(tenant_id="acme")
    assert list((await call(calls.reader.ListLimits, request)).limits) == [stored]


async def test_the_same_kind_and_subject_is_replaced(calls: Calls, clock):
    await set_limit(calls, limit("PROVIDER", 100, 1, subject="twilio"))
    before = (await call(calls.reader.ListLimits, ledger_reader_pb2.ListLimitsRequest())).revision
    clock.advance(60)
    later = await set_limit(calls, limit("PROVIDER", 50, 2, subject="twilio"), "night shift")
    request = ledger_reader_pb2.ListLimitsRequest()
    answer = await call(calls.reader.ListLimits, request)
    assert list(answer.limits) == [later]
    assert (later.amount, later.window.seconds, later.actor) == (50, 2, "night shift")
    assert answer.revision > before


async def test_a_tenant_is_told_its_own_and_those_of_all(calls: Calls):
    for tenant in ("", "acme", "other"):
        await set_limit(calls, limit("TENANT", tenant_id=tenant))
    assert (await listed(calls, "acme"))[0] == [("", "tenant"), ("acme", "tenant")]
    assert (await listed(calls))[0] == [("", "tenant"), ("acme", "tenant"), ("other", "tenant")]


async def test_who_knows_the_revision_is_told_no_limits(calls: Calls):
    assert await listed(calls) == ([], 0)
    await set_limit(calls, limit("TENANT"))
    limits, revision = await listed(calls)
    assert limits == [("", "tenant")]
    assert await listed(calls, known_revision=revision) == ([], revision)
    await forget(calls, "", "tenant")
    assert await listed(calls, known_revision=revision) == ([], revision + 1)


async def test_one_that_is_not_there_cannot_be_forgotten(calls: Calls):
    await set_limit(calls, limit("TENANT", tenant_id="acme"))
    with pytest.raises(PulseError) as caught:
        await forget(calls, "other", "tenant")
    assert caught.value.code is Code.NOT_FOUND
    assert await listed(calls) == ([("acme", "tenant")], 1)


@pytest.mark.parametrize(
    "wanted",
    [
        limit("USER_CHANNEL"),
        limit("USER_CHANNEL", subject="login.otp-2", tenant_id="acme"),
        limit("RECIPIENT"),
        limit("TENANT", 10**12, 31 * 86_400),
        limit("SMS_PREFIX", 0, 0, subject="+49"),
        limit("SMS_PREFIX", 5, 60, subject="+1876"),
        limit("SMS_SPEND", 0),
        limit("PROVIDER", subject="fcm"),
        limit("FAIR_SHARE", 1_000, 0, tenant_id="acme"),
    ],
    ids=lambda wanted: f"{Limit.Kind.Name(wanted.kind)}-{wanted.subject}",
)
async def test_every_kind_can_be_kept(calls: Calls, wanted: Limit):
    stored = await set_limit(calls, wanted)
    assert (stored.kind, stored.subject, stored.amount) == (wanted.kind, wanted.subject, wanted.amount)


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (limit("USER_CHANNEL", 0), "amount"),
        (limit("USER_CHANNEL", 100_001), "amount"),
        (limit("USER_CHANNEL", window=0), "window"),
        (limit("USER_CHANNEL", subject="-x"), "subject"),
        (limit("RECIPIENT", subject="x"), "subject"),
        (limit("TENANT", window=0), "window"),
        (limit("TENANT", window=0.05), "window"),
        (limit("SMS_PREFIX"), "subject"),
        (limit("SMS_PREFIX", subject="49"), "subject"),
        (limit("SMS_SPEND", subject="+49"), "subject"),
        (limit("PROVIDER"), "subject"),
        (limit("PROVIDER", 0, subject="fcm"), "amount"),
        (limit("PROVIDER", subject="fcm", tenant_id="acme"), "tenant_id"),
        (limit("FAIR_SHARE", 2, 0), "tenant_id"),
        (limit("FAIR_SHARE", 2, 60, tenant_id="acme"), "window"),
        (limit("FAIR_SHARE", 0, 0, tenant_id="acme"), "amount"),
        (limit("FAIR_SHARE", 1_001, 0, tenant_id="acme"), "amount"),
        (Limit(amount=1), "kind"),
    ],
)
async def test_what_a_kind_cannot_have_is_refused_by_name(calls: Calls, wanted: Limit, field: str):
    with pytest.raises(PulseError) as caught:
        await set_limit(calls, wanted)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert f"limit.{field}" in {one.field for one in caught.value.violations}
    assert await listed(calls) == ([], 0)
