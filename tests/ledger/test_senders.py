"""Senders as the ledger keeps them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2
from pulse.common.v1.sender_pb2 import Sender
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2
from shared.errors import Code, PulseError
from shared.rpc.channels import call
from tests.ledger.calls import Calls, moment
from tests.ledger.conftest import NOON

EMAIL, SMS = enums_pb2.EMAIL, enums_pb2.SMS


def billing(**fields: Any) -> Sender:
    return Sender(**{"name": "billing", "channel": EMAIL, "address": "billing@example.com", **fields})


async def create(calls: Calls, sender: Sender | None = None, tenant_id: str = "acme") -> Sender:
    request = ledger_admin_pb2.CreateSenderRequest(tenant_id=tenant_id, sender=sender or billing())
    return (await call(calls.admin.CreateSender, request)).sender


async def update(calls: Calls, sender: Sender, tenant_id: str = "acme") -> Sender:
    request = ledger_admin_pb2.UpdateSenderRequest(tenant_id=tenant_id, sender=sender)
    return (await call(calls.admin.UpdateSender, request)).sender


async def delete(calls: Calls, name: str = "billing", tenant_id: str = "acme") -> None:
    await call(calls.admin.DeleteSender, ledger_admin_pb2.DeleteSenderRequest(tenant_id=tenant_id, name=name))


async def find(calls: Calls, name: str = "", channel: int = 0, tenant_id: str = "acme") -> Sender | None:
    request = ledger_reader_pb2.FindSenderRequest(tenant_id=tenant_id, name=name, channel=channel)
    answer = await call(calls.reader.FindSender, request)
    return answer.sender if answer.HasField("sender") else None


async def names(calls: Calls, tenant_id: str = "acme", **fields: Any) -> list[str]:
    """All of them, two at a time."""
    found: list[str] = []
    token = ""
    while True:
        request = ledger_reader_pb2.ListSendersRequest(tenant_id=tenant_id, page_size=2, page_token=token, **fields)
        page = await call(calls.reader.ListSenders, request)
        found += [one.name for one in page.senders]
        token = page.next_page_token
        if not token:
            return found


async def refusal(coroutine: Any) -> PulseError:
    with pytest.raises(PulseError) as caught:
        await coroutine
    return caught.value


async def test_a_sender_comes_back_as_it_was_stored(calls: Calls, clock: Any):
    given = billing(display_name='Zoë, "Billing"', reply_to="a@b.eu", is_default=True)
    made = await create(calls, given)
    assert (moment(made.create_time), moment(made.update_time)) == (NOON, NOON)
    assert await find(calls, "billing") == made == await find(calls, channel=EMAIL)
    clock.advance(5)
    changed = await update(calls, billing(address="new@example.com"))
    assert (changed.address, changed.display_name, changed.is_default) == ("new@example.com", "", False)
    assert (changed.create_time, changed.update_time.seconds) == (made.create_time, made.update_time.seconds + 5)
    await delete(calls)
    assert await find(calls, "billing") is None
    assert await create(calls), "the name is free again"


async def test_a_name_is_taken_once_in_a_tenant(calls: Calls):
    await create(calls)
    error = await refusal(create(calls, billing(channel=SMS, address="ACME")))
    assert (error.code, error.reason) == (Code.ALREADY_EXISTS, "SENDER_EXISTS")
    assert (await create(calls, tenant_id="other")).name == "billing"


async def test_tenants_see_their_own_alone(calls: Calls):
    await create(calls, billing(is_default=True))
    assert await find(calls, "billing", tenant_id="other") is None
    assert await find(calls, channel=EMAIL, tenant_id="other") is None
    assert await names(calls, "other") == []
    for change in (update(calls, billing(), "other"), delete(calls, tenant_id="other")):
        error = await refusal(change)
        assert (error.code, error.reason) == (Code.NOT_FOUND, "SENDER_NOT_FOUND")


async def test_a_channel_has_one_default_the_last(calls: Calls):
    await create(calls, billing(is_default=True))
    await create(calls, billing(name="text", channel=SMS, address="ACME", is_default=True))
    await create(calls, billing(name="orders", is_default=True))
    assert (await find(calls, channel=EMAIL)).name == "orders"
    assert (await find(calls, channel=SMS)).name == "text"
    assert not (await find(calls, "billing")).is_default
    await update(calls, billing(is_default=True))
    assert (await find(calls, channel=EMAIL)).name == "billing"
    await update(calls, billing())
    assert await find(calls, channel=EMAIL) is None


async def test_many_who_make_a_default_at_once_leave_one(calls: Calls, database: Any):
    await asyncio.gather(*(create(calls, billing(name=f"s{number}", is_default=True)) for number in range(8)))
    assert len(await names(calls)) == 8
    assert database.rows("SELECT count(*) FROM senders WHERE is_default") == [(1,)]


async def test_a_sender_stays_one_of_its_channel(calls: Calls):
    await create(calls)
    error = await refusal(update(calls, billing(channel=SMS, address="ACME")))
    assert (error.code, error.reason, error.metadata["channel"]) == (
        Code.FAILED_PRECONDITION,
        "SENDER_CHANNEL_FIXED",
        "EMAIL",
    )


async def test_pages_go_by_name_and_by_channel(calls: Calls):
    for name in ("d", "a", "c", "e", "b"):
        await create(calls, billing(name=name))
    await create(calls, billing(name="text", channel=SMS, address="ACME"))
    assert await names(calls) == ["a", "b", "c", "d", "e", "text"]
    assert await names(calls, channel=SMS) == ["text"]


@pytest.mark.parametrize("name", ["ghost", "x\0y", "'; DROP TABLE senders; --"])
async def test_names_that_are_none_find_nothing(calls: Calls, name: str):
    await create(calls)
    assert await find(calls, name) is None
    assert (await refusal(delete(calls, name))).reason == "SENDER_NOT_FOUND"
    assert await names(calls) == ["billing"]
