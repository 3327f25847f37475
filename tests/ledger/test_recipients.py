"""What is known of recipients: preferences, suppressions and device tokens, each tenant's own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, recipient_pb2
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2
from services.ledger.rules.recipients import MOST_SUPPRESSIONS, device_token_id
from shared.errors import Code, PulseError
from shared.rpc.channels import call
from tests.ledger.calls import TENANT, Calls, moment
from tests.ledger.conftest import NOON

EMAIL, SMS, PUSH = enums_pb2.EMAIL, enums_pb2.SMS, enums_pb2.PUSH
Reason = recipient_pb2.Suppression
USER = "user-1"


class Recipients:
    """One tenant's recipients, in few words."""

    def __init__(self, calls: Calls, tenant_id: str = TENANT) -> None:
        self._reader, self._admin, self._tenant = calls.reader, calls.admin, tenant_id

    async def prefer(self, user_id: str = USER, **fields: Any) -> recipient_pb2.Preferences:
        wanted = recipient_pb2.Preferences(user_id=user_id, **fields)
        request = ledger_admin_pb2.UpdatePreferencesRequest(tenant_id=self._tenant, preferences=wanted)
        return (await call(self._admin.UpdatePreferences, request)).preferences

    async def preferences(self, user_id: str = USER) -> recipient_pb2.Preferences:
        request = ledger_reader_pb2.GetPreferencesRequest(tenant_id=self._tenant, user_id=user_id)
        return (await call(self._reader.GetPreferences, request)).preferences

    async def suppress(self, user_id: str = USER, **fields: Any) -> recipient_pb2.Suppression:
        wanted = recipient_pb2.Suppression(user_id=user_id, **fields)
        request = ledger_admin_pb2.CreateSuppressionRequest(tenant_id=self._tenant, suppression=wanted)
        return (await call(self._admin.CreateSuppression, request)).suppression

    async def lift(self, suppression_id: str, user_id: str = USER) -> None:
        request = ledger_admin_pb2.DeleteSuppressionRequest(
            tenant_id=self._tenant, user_id=user_id, suppression_id=suppression_id
        )
        await call(self._admin.DeleteSuppression, request)

    async def page(self, size: int = 100, token: str = "", user_id: str = USER) -> Any:
        request = ledger_reader_pb2.ListSuppressionsRequest(
            tenant_id=self._tenant, user_id=user_id, page_size=size, page_token=token
        )
        return await call(self._reader.ListSuppressions, request)

    async def suppressions(self, user_id: str = USER) -> list[recipient_pb2.Suppression]:
        return list((await self.page(user_id=user_id)).suppressions)

    async def register(
        self, token: str, user_id: str = USER, label: str = "", kind: Any = 0
    ) -> recipient_pb2.DeviceToken:
        wanted = recipient_pb2.DeviceToken(user_id=user_id, token=token, label=label, kind=kind)
        request = ledger_admin_pb2.RegisterDeviceTokenRequest(tenant_id=self._tenant, device_token=wanted)
        return (await call(self._admin.RegisterDeviceToken, request)).device_token

    async def forget(self, device_token_id: str, user_id: str = USER) -> None:
        request = ledger_admin_pb2.DeleteDeviceTokenRequest(
            tenant_id=self._tenant, user_id=user_id, device_token_id=device_token_id
        )
        await call(self._admin.DeleteDeviceToken, request)

    async def tokens(self, user_id: str = USER) -> list[str]:
        request = ledger_reader_pb2.ListDeviceTokensRequest(tenant_id=self._tenant, user_id=user_id)
        return [one.token for one in (await call(self._reader.ListDeviceTokens, request)).device_tokens]


def choice(channel: Any, enabled: bool, category: str = "") -> recipient_pb2.Preferences.Choice:
    return recipient_pb2.Preferences.Choice(category=category, channel=channel, enabled=enabled)


@pytest.fixture
def recipients(calls: Calls) -> Recipients:
    return Recipients(calls)


async def test_preferences_come_back_as_they_were_set(recipients: Recipients):
    wanted = {
        "choices": [choice(EMAIL, False, "news"), choice(SMS, True)],
        "time_zone": "Europe/Berlin",
        "quiet_from": "22:00",
        "quiet_until": "07:00",
    }
    stored = await recipients.prefer(**wanted)
    assert moment(stored.update_time) == NOON
    assert await recipients.preferences() == stored
    assert list(stored.choices) == wanted["choices"]


async def test_new_preferences_replace_all_of_the_old(recipients: Recipients):
    await recipients.prefer(time_zone="Europe/Berlin", choices=[choice(EMAIL, False)])
    await recipients.prefer(choices=[choice(SMS, False)])
    found = await recipients.preferences()
    assert (found.time_zone, list(found.choices)) == ("", [choice(SMS, False)])


async def test_a_user_nobody_set_any_for_has_no_preferences(recipients: Recipients):
    assert await recipients.preferences("nobody") == recipient_pb2.Preferences(user_id="nobody")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"time_zone": "Europe/Atlantis"}, "preferences.time_zone"),
        ({"time_zone": "../../etc/passwd"}, "preferences.time_zone"),
        ({"time_zone": "Europe"}, "preferences.time_zone"),
        ({"time_zone": "europe/berlin"}, "preferences.time_zone"),
        ({"time_zone": "posixrules"}, "preferences.time_zone"),
        ({"time_zone": "Factory"}, "preferences.time_zone"),
        ({"time_zone": "/usr/share/zoneinfo/UTC"}, "preferences.time_zone"),
        ({"time_zone": "Europe/Ber\0lin"}, "preferences.time_zone"),
        ({"quiet_from": "22:00"}, "preferences.quiet_until"),
        ({"quiet_until": "22:00"}, "preferences.quiet_from"),
        ({"quiet_from": "22:00", "quiet_until": "22:00"}, "preferences.quiet_until"),
        ({"quiet_from": "24:00", "quiet_until": "06:00"}, "preferences.quiet_from"),
        ({"choices": [choice(SMS, True), choice(SMS, False)]}, "preferences.choices[1]"),
        ({"user_id": ""}, "preferences.user_id"),
    ],
)
async def test_preferences_that_cannot_be_are_refused_by_field(recipients: Recipients, fields, field):
    with pytest.raises(PulseError) as caught:
        await recipients.prefer(**fields)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert [one.field for one in caught.value.violations] == [field]


async def test_a_suppression_comes_back_as_it_was_made(recipients: Recipients):
    made = await recipients.suppress(channel=SMS, address="+4915112345678", category="news", reason=Reason.UNSUBSCRIBE)
    assert (made.user_id, made.channel, moment(made.create_time)) == (USER, SMS, NOON)
    assert await recipients.suppressions() == [made]


async def test_a_suppression_that_does_not_say_why_was_made_by_hand(recipients: Recipients):
    assert (await recipients.suppress(channel=EMAIL)).reason == Reason.MANUAL


async def test_a_suppression_that_says_the_same_is_one(recipients: Recipients, clock):
    first = await recipients.suppress(address="a@example.com")
    clock.advance(60)
    again = await asyncio.gather(*(recipients.suppress(address="a@example.com") for _ in range(5)))
    assert again == [first] * 5
    await recipients.suppress(address="a@example.com", reason=Reason.BOUNCE)
    assert len(await recipients.suppressions()) == 2


async def test_a_suppression_of_everything_is_refused(recipients: Recipients):
    with pytest.raises(PulseError, match="channel"):
        await recipients.suppress(category="news")


async def test_a_user_has_no_more_than_so_many_suppressions_for_one_reason(recipients: Recipients, database):
    first = await recipients.suppress(address="0@example.com")
    database.execute(
        f"""INSERT INTO suppressions
        SELECT tenant_id, user_id, sha256(n::text::bytea), gen_random_uuid(), channel, address, category, reason,
            created_at FROM suppressions, generate_series(2, {MOST_SUPPRESSIONS - 1}) AS n"""
    )
    made = await asyncio.gather(
        *(recipients.suppress(address=f"{n}@example.com") for n in range(1, 6)), return_exceptions=True
    )
    refusals = [one for one in made if isinstance(one, PulseError)]
    assert len(refusals) == 4
    assert (refusals[0].code, refusals[0].reason) == (Code.FAILED_PRECONDITION, "TOO_MANY_SUPPRESSIONS")
    assert "lift" in refusals[0].hint
    assert await recipients.suppress(address="0@example.com") == first
    assert (await recipients.suppress(channel=EMAIL, reason=Reason.UNSUBSCRIBE)).suppression_id
    await recipients.lift(first.suppression_id)
    assert (await recipients.suppress(address="9@example.com")).suppression_id


async def test_an_address_may_be_longer_than_an_index_row(recipients: Recipients):
    address = "".join(chr(33 + number * 7919 % 94) for number in range(4096))
    assert (await recipients.suppress(address=address)).address == address


async def test_suppressions_are_paged_newest_first(recipients: Recipients, clock):
    made = []
    for number in range(5):
        made.append(await recipients.suppress(address=f"{number}@example.com"))
        clock.advance(1)
    seen, token = [], ""
    while not seen or token:
        page = await recipients.page(2, token)
        seen += page.suppressions
        token = page.next_page_token
    assert seen == made[::-1]
    with pytest.raises(PulseError, match="INVALID_PAGE_TOKEN"):
        await recipients.page(2, (await recipients.page(2)).next_page_token, user_id="another")


async def test_a_lifted_suppression_is_gone(recipients: Recipients):
    made = await recipients.suppress(channel=PUSH)
    await recipients.lift(made.suppression_id.upper())
    assert await recipients.suppressions() == []
    for missing in (made.suppression_id, "no-uuid"):
        with pytest.raises(PulseError, match="SUPPRESSION_NOT_FOUND"):
            await recipients.lift(missing)


async def test_devices_are_listed_the_last_registered_first(recipients: Recipients, clock):
    for token in ("one", "two", "one"):
        await recipients.register(token)
        clock.advance(1)
    assert await recipients.tokens() == ["one", "two"]


async def test_a_token_belongs_to_whom_it_was_last_registered_for(recipients: Recipients):
    mine = await recipients.register("token", label="Pixel 9")
    theirs = await recipients.register("token", user_id="user-2")
    assert mine.device_token_id == theirs.device_token_id == device_token_id("token")
    assert (await recipients.tokens(), await recipients.tokens("user-2")) == ([], ["token"])


async def test_of_more_than_a_hundred_devices_the_oldest_is_dropped(recipients: Recipients, clock, database):
    for number in range(102):
        await recipients.register(f"token-{number}")
        clock.advance(1)
    tokens = await recipients.tokens()
    assert (len(tokens), tokens[0], tokens[-1]) == (100, "token-101", "token-2")
    assert database.count("device_tokens") == 100


async def test_a_forgotten_device_is_gone(recipients: Recipients):
    made = await recipients.register("token")
    with pytest.raises(PulseError, match="DEVICE_TOKEN_NOT_FOUND"):
        await recipients.forget(made.device_token_id, user_id="user-2")
    await recipients.forget(made.device_token_id)
    assert await recipients.tokens() == []


async def test_nothing_of_one_tenant_is_another_s(calls: Calls, recipients: Recipients):
    others = Recipients(calls, "other")
    suppression = await recipients.suppress(channel=EMAIL)
    device = await recipients.register("token")
    await recipients.prefer(time_zone="Europe/Berlin")
    assert not (await others.preferences()).time_zone
    assert (await others.suppressions(), await others.tokens()) == ([], [])
    for attempt in (others.lift(suppression.suppression_id), others.forget(device.device_token_id)):
        with pytest.raises(PulseError, match="NOT_FOUND"):
            await attempt
    await others.register("token")
    assert await recipients.tokens() == ["token"]
