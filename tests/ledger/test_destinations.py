"""Destinations as the ledger keeps them: by tenant and name, their addresses encrypted by others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable
from typing import Any

import pytest

from pulse.common.v1.destination_pb2 import Destination
from pulse.ledger.v1 import ledger_admin_pb2 as admin
from pulse.ledger.v1 import ledger_reader_pb2 as reader
from shared.errors import Code, PulseError
from shared.rpc.channels import call
from shared.times import from_timestamp
from tests.ledger.calls import TENANT, Calls
from tests.ledger.conftest import NOON


def destination(name: str, **more: Any) -> Destination:
    return Destination(**{"name": name, "kind": "slack", "host": "hooks.slack.com", "fingerprint": "ab", **more})


async def make(calls: Calls, name: str, sealed: bytes = b"sealed", tenant_id: str = TENANT, **more: Any) -> Destination:
    request = admin.CreateDestinationRequest(tenant_id=tenant_id, destination=destination(name, **more), sealed=sealed)
    return (await call(calls.admin.CreateDestination, request)).destination


async def change(calls: Calls, name: str, sealed: bytes, tenant_id: str = TENANT, **more: Any) -> Destination:
    request = admin.UpdateDestinationRequest(tenant_id=tenant_id, destination=destination(name, **more), sealed=sealed)
    return (await call(calls.admin.UpdateDestination, request)).destination


async def forget(calls: Calls, name: str, tenant_id: str = TENANT) -> None:
    await call(calls.admin.DeleteDestination, admin.DeleteDestinationRequest(tenant_id=tenant_id, name=name))


async def got(calls: Calls, name: str, tenant_id: str = TENANT) -> reader.GetDestinationResponse:
    return await call(calls.reader.GetDestination, reader.GetDestinationRequest(tenant_id=tenant_id, name=name))


async def names(calls: Calls, tenant_id: str = TENANT) -> list[str]:
    answer = await call(calls.reader.ListDestinations, reader.ListDestinationsRequest(tenant_id=tenant_id))
    assert not any(one.url for one in answer.destinations)
    return [one.name for one in answer.destinations]


async def refusal(made: Awaitable[Any]) -> tuple[Code, str]:
    with pytest.raises(PulseError) as caught:
        await made
    return caught.value.code, caught.value.reason


async def test_one_is_kept_with_its_encrypted_address_and_what_may_be_told(calls: Calls):
    made = await make(calls, "ops", b"\0\xff sealed", key_id="0a0b0c0d", url="slack://never/kept/here")
    found = await got(calls, "ops")
    assert (found.sealed, found.destination) == (b"\0\xff sealed", made)
    assert (made.kind, made.host, made.fingerprint, made.key_id) == ("slack", "hooks.slack.com", "ab", "0a0b0c0d")
    assert from_timestamp(made.create_time) == from_timestamp(made.update_time) == NOON
    assert made.url == ""


async def test_a_name_is_taken_once_for_a_tenant(calls: Calls):
    await make(calls, "ops", b"first")
    assert await refusal(make(calls, "ops", b"second")) == (Code.ALREADY_EXISTS, "DESTINATION_EXISTS")
    await make(calls, "ops", b"another tenant's", tenant_id="beta")
    assert [(await got(calls, "ops", tenant)).sealed for tenant in (TENANT, "beta")] == [b"first", b"another tenant's"]
    assert (await names(calls), await names(calls, "beta"), await names(calls, "gamma")) == (["ops"], ["ops"], [])


async def test_it_leads_elsewhere_from_the_moment_that_it_is_changed(calls: Calls, clock: Any):
    await make(calls, "ops", b"first")
    clock.advance(3600)
    changed = await change(calls, "ops", b"second", kind="ntfy", host="ntfy.sh")
    assert ((await got(calls, "ops")).sealed, changed.kind, changed.host) == (b"second", "ntfy", "ntfy.sh")
    assert from_timestamp(changed.create_time) == NOON
    assert from_timestamp(changed.update_time) == NOON + dt.timedelta(hours=1)


async def test_they_are_listed_by_name_until_they_are_forgotten(calls: Calls):
    for name in ("b", "c", "a"):
        await make(calls, name)
    assert await names(calls) == ["a", "b", "c"]
    await forget(calls, "b")
    assert await names(calls) == ["a", "c"]
    await make(calls, "b")


@pytest.mark.parametrize("name", ["", "none", "OPS", "o\0ps", "x" * 4000])
async def test_what_is_not_there_is_not_found(calls: Calls, name: str):
    await make(calls, "ops")
    absent = (Code.NOT_FOUND, "DESTINATION_NOT_FOUND")
    assert [await refusal(made) for made in (got(calls, name), forget(calls, name))] == [absent] * 2
    assert await refusal(got(calls, "ops", "beta")) == absent
    assert await refusal(change(calls, "none", b"x")) == absent
    assert await refusal(forget(calls, "ops", "beta")) == absent


@pytest.mark.parametrize("name", ["", "a b", "-a", "a/b", "a" * 65, "ä", "a\n"])
async def test_a_name_that_is_none_is_not_kept(calls: Calls, name: str):
    assert (await refusal(make(calls, name)))[0] is Code.INVALID_ARGUMENT
