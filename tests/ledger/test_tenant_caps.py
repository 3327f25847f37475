"""A tenant keeps as many of what all share as it may, and is told the bound by name."""

from __future__ import annotations

import pytest

from services.ledger.config import LedgerSettings
from shared.errors import Code, PulseError
from tests.ledger.calls import Calls, template
from tests.ledger.test_api_keys import created, ended
from tests.ledger.test_limits import limit, set_limit


@pytest.fixture
def settings(settings: LedgerSettings) -> LedgerSettings:
    """A tenant may have few of everything."""
    most = {f"ledger_most_{name}": 3 for name in ("api_keys", "limits", "templates")}
    return settings.model_copy(update=most)


async def test_a_tenant_has_as_many_as_it_may_and_is_told_the_bound(calls: Calls):
    async def keys(number: int) -> None:
        await created(calls, f"k{number}")

    async def limits(number: int) -> None:
        await set_limit(calls, limit("USER_CHANNEL", subject=f"t{number}", tenant_id="acme"))

    async def templates(number: int) -> None:
        await calls.create(template(f"t{number}"))

    for make, name in ((keys, "API_KEYS"), (limits, "LIMITS"), (templates, "TEMPLATES")):
        for number in range(3):
            await make(number)
        with pytest.raises(PulseError) as caught:
            await make(3)
        error = caught.value
        assert (error.code, error.reason, error.metadata["limit"]) == (
            Code.RESOURCE_EXHAUSTED,
            f"TOO_MANY_{name}",
            "3",
        )
        assert error.quotas[0].value == 3 and f"PULSE_LEDGER_MOST_{name}" in error.hint
    await created(calls, "others", tenant_id="other")


async def test_a_key_that_has_ended_makes_room(calls: Calls):
    first = await created(calls, "k0")
    for number in (1, 2):
        await created(calls, f"k{number}")
    await ended(calls, first)
    await created(calls, "k3")
