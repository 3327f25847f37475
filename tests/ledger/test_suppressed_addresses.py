"""Copies are held against the suppressions of a tenant, whoever's they are."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import ledger_reader_pb2
from shared.errors import Code, PulseError
from shared.rpc.channels import call
from tests.ledger.calls import Calls
from tests.ledger.test_recipients import Reason, Recipients

EMAIL, SMS = enums_pb2.EMAIL, enums_pb2.SMS
BOB = "bob@example.com"


async def among(calls: Calls, *addresses: str, tenant_id: str = "acme", category: str = "") -> dict[str, str]:
    request = ledger_reader_pb2.FindSuppressedRequest(
        tenant_id=tenant_id, channel=EMAIL, category=category, addresses=addresses
    )
    return {one.address: one.reason for one in (await call(calls.reader.FindSuppressed, request)).suppressed}


@pytest.mark.parametrize("reason", [Reason.MANUAL, Reason.BOUNCE, Reason.COMPLAINT, Reason.UNSUBSCRIBE])
@pytest.mark.parametrize("channel", [EMAIL, 0])
async def test_an_address_is_suppressed_for_whatever_reason(calls: Calls, reason: Any, channel: int):
    await Recipients(calls).suppress("somebody", channel=channel, address="Bob@Example.com", reason=reason)
    found = await among(calls, "joe@example.com", "BOB@example.com")
    assert list(found) == ["BOB@example.com"]
    assert found["BOB@example.com"] and "@" not in found["BOB@example.com"]


async def test_what_is_said_of_others_holds_for_others(calls: Calls):
    recipients = Recipients(calls)
    await recipients.suppress(channel=EMAIL, reason=Reason.MANUAL)  # all of the user's, whatever the address
    await recipients.suppress(channel=SMS, address=BOB, reason=Reason.MANUAL)
    await recipients.suppress(channel=EMAIL, address="bobby@example.com", reason=Reason.MANUAL)
    await recipients.suppress(channel=EMAIL, address=BOB, category="news", reason=Reason.UNSUBSCRIBE)
    await Recipients(calls, "other").suppress(channel=EMAIL, address=BOB, reason=Reason.MANUAL)
    assert await among(calls, BOB) == {}
    assert await among(calls, BOB, category="orders") == {}
    assert list(await among(calls, BOB, category="news")) == [BOB]
    assert list(await among(calls, BOB, tenant_id="other")) == [BOB]


async def test_one_that_unsubscribed_gets_what_is_critical_and_one_that_bounced_does_not(calls: Calls):
    await Recipients(calls).suppress(channel=EMAIL, address=BOB, reason=Reason.UNSUBSCRIBE)
    assert await among(calls, BOB, category="security") == {}
    await Recipients(calls).suppress(channel=EMAIL, address=BOB, reason=Reason.BOUNCE)
    assert list(await among(calls, BOB, category="security")) == [BOB]


async def test_one_that_is_lifted_holds_no_more(calls: Calls):
    made = await Recipients(calls).suppress(channel=EMAIL, address=BOB, reason=Reason.MANUAL)
    assert list(await among(calls, BOB)) == [BOB]
    await Recipients(calls).lift(made.suppression_id)
    assert await among(calls, BOB) == {}


async def test_a_channel_that_is_none_is_refused(calls: Calls):
    request = ledger_reader_pb2.FindSuppressedRequest(tenant_id="acme", addresses=[BOB])
    with pytest.raises(PulseError) as refused:
        await call(calls.reader.FindSuppressed, request)
    assert refused.value.code is Code.INVALID_ARGUMENT
