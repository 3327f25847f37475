"""A tenant keeps as many of what all share as it may, and is told the bound by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, limit_pb2, recipient_pb2
from pulse.ledger.v1 import ledger_admin_pb2
from services.ledger.config import LedgerSettings
from shared.errors import Code, PulseError
from shared.rpc.channels import call
from tests.ledger.calls import Calls, template
from tests.ledger.test_api_keys import created, ended
from tests.ledger.test_destinations import make
from tests.ledger.test_limits import forget, limit, listed, set_limit
from tests.ledger.test_recipients import Recipients
from tests.ledger.test_senders import billing
from tests.ledger.test_senders import create as create_sender

CAPPED = ("api_keys", "limits", "templates", "senders", "suppressions", "devices", "destinations")


@pytest.fixture
def settings(settings: LedgerSettings) -> LedgerSettings:
    """A tenant may have few of everything."""
    most = {f"ledger_most_{name}": 3 for name in CAPPED}
    return settings.model_copy(update=most)


SUPPRESSED = recipient_pb2.Suppression
Make = Callable[[Calls, int], Awaitable[Any]]


async def make_key(calls: Calls, number: int) -> None:
    await created(calls, f"k{number}")


async def make_limit(calls: Calls, number: int, amount: int = 10) -> limit_pb2.Limit:
    return await set_limit(calls, limit("USER_CHANNEL", amount, subject=f"t{number}", tenant_id="acme"))


async def make_template(calls: Calls, number: int) -> None:
    await calls.create(template(f"t{number}"))


async def make_sender(calls: Calls, number: int) -> None:
    await create_sender(calls, billing(name=f"s{number}"))


async def suppress(calls: Calls, number: int, **fields: Any) -> Any:
    values = {"user_id": f"user-{number}", "channel": enums_pb2.SMS, "reason": SUPPRESSED.MANUAL}
    return await Recipients(calls).suppress(**(values | fields))


async def register(calls: Calls, number: int, **fields: Any) -> Any:
    return await Recipients(calls).register(f"token-{number}", **fields)


async def make_destination(calls: Calls, number: int) -> None:
    await make(calls, f"room-{number}")


MAKES: dict[str, Make] = {
    "API_KEYS": make_key,
    "LIMITS": make_limit,
    "TEMPLATES": make_template,
    "SENDERS": make_sender,
    "SUPPRESSIONS": suppress,
    "DEVICES": register,
    "DESTINATIONS": make_destination,
}


async def refused(made: Awaitable[Any]) -> PulseError:
    with pytest.raises(PulseError) as caught:
        await made
    return caught.value


async def fill(calls: Calls, name: str) -> None:
    """Makes as many as there may be; one more is refused."""
    for number in range(3):
        await MAKES[name](calls, number)
    assert (await refused(MAKES[name](calls, 3))).reason == f"TOO_MANY_{name}"


@pytest.mark.parametrize("name", MAKES)
async def test_a_tenant_has_as_many_as_it_may_and_is_told_the_bound(calls: Calls, name: str):
    await fill(calls, name)
    error = await refused(MAKES[name](calls, 3))
    assert (error.code, error.reason, error.metadata["limit"]) == (
        Code.RESOURCE_EXHAUSTED,
        f"TOO_MANY_{name}",
        "3",
    )
    assert error.quotas[0].value == 3 and f"PULSE_LEDGER_MOST_{name}" in error.hint
    await created(calls, "others", tenant_id="other")


async def test_a_limit_can_be_changed_when_there_are_as_many_as_there_may_be(calls: Calls):
    await fill(calls, "LIMITS")
    for number in (0, 1, 2, 0):
        assert (await make_limit(calls, number, amount=3 + number)).amount == 3 + number
    assert len((await listed(calls, "acme"))[0]) == 3
    assert (await refused(make_limit(calls, 3))).reason == "TOO_MANY_LIMITS"


async def test_a_limit_that_was_deleted_makes_room_and_is_a_new_one_when_it_comes_back(calls: Calls):
    await fill(calls, "LIMITS")
    await forget(calls, "acme", "user_channel:t0")
    await make_limit(calls, 3)
    assert (await refused(make_limit(calls, 0))).reason == "TOO_MANY_LIMITS"


async def test_another_tenant_s_limit_of_the_same_name_is_another(calls: Calls):
    await set_limit(calls, limit("USER_CHANNEL", subject="t7", tenant_id="other"))
    await set_limit(calls, limit("USER_CHANNEL", subject="t7"))
    await fill(calls, "LIMITS")
    assert (await refused(make_limit(calls, 7))).reason == "TOO_MANY_LIMITS"


async def test_a_suppression_can_be_repeated_when_there_are_as_many_as_there_may_be(calls: Calls):
    first = await suppress(calls, 0)
    await fill(calls, "SUPPRESSIONS")
    for _ in range(2):
        assert await suppress(calls, 0) == first


@pytest.mark.parametrize(
    "other",
    [{"user_id": "user-7"}, {"channel": enums_pb2.EMAIL}, {"category": "news"}, {"address": "+4915112345678"}],
    ids=lambda other: next(iter(other)),
)
async def test_a_suppression_of_anything_else_is_a_new_one(calls: Calls, other: dict[str, Any]):
    await fill(calls, "SUPPRESSIONS")
    assert (await refused(suppress(calls, 0, **other))).reason == "TOO_MANY_SUPPRESSIONS"


async def test_a_device_can_be_registered_again_when_there_are_as_many_as_there_may_be(calls: Calls):
    """By its user, under another label, and by another user."""
    await fill(calls, "DEVICES")
    for fields in ({}, {"label": "phone"}, {"user_id": "user-2", "label": "sold"}):
        stored = await register(calls, 1, **fields)
        assert (stored.label, stored.user_id) == (fields.get("label", ""), fields.get("user_id", "user-1"))
    assert await Recipients(calls).tokens("user-2") == ["token-1"]
    assert (await refused(register(calls, 3))).reason == "TOO_MANY_DEVICES"


async def test_a_template_s_name_that_is_taken_is_told_as_that_and_it_can_have_new_versions(calls: Calls):
    await fill(calls, "TEMPLATES")
    assert (await refused(make_template(calls, 0))).code is Code.ALREADY_EXISTS
    update = ledger_admin_pb2.UpdateTemplateRequest(tenant_id="acme", template=template("t0", "Good evening"))
    assert (await call(calls.admin.UpdateTemplate, update)).template.version == 2


async def test_a_key_that_has_ended_makes_room(calls: Calls):
    first = await created(calls, "k0")
    for number in (1, 2):
        await created(calls, f"k{number}")
    await ended(calls, first)
    await created(calls, "k3")
