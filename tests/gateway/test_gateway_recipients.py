"""What is kept of recipients: passed on where it can be, refused by field where it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, recipient_pb2
from pulse.gateway.v1 import compatibility_service_pb2
from pulse.gateway.v1 import recipient_service_pb2 as api
from shared.errors import Code
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal

ID = "0197A000-0000-7000-8000-00000000FFFF"
CHOICE = {"category": "news", "channel": "EMAIL", "enabled": False}


async def set_preferences(client: Client, **fields: Any) -> recipient_pb2.Preferences:
    return await client.recipients.UpdatePreferences(
        api.UpdatePreferencesRequest(preferences={"user_id": "ada", **fields})
    )


async def suppress(client: Client, **fields: Any) -> recipient_pb2.Suppression:
    return await client.recipients.CreateSuppression(
        api.CreateSuppressionRequest(suppression={"user_id": "ada", **fields})
    )


async def register(client: Client, **fields: Any) -> recipient_pb2.DeviceToken:
    return await client.recipients.RegisterDeviceToken(
        api.RegisterDeviceTokenRequest(device_token={"user_id": "ada", **fields})
    )


async def test_preferences_are_kept_and_told(client: Client, peers: fakes.Peers) -> None:
    wanted = {"choices": [CHOICE], "time_zone": "Europe/Berlin", "quiet_from": "22:00", "quiet_until": "07:00"}
    await set_preferences(client, **wanted, update_time={"seconds": 5})
    told = await client.recipients.GetPreferences(api.GetPreferencesRequest(user_id="ada"))
    assert told == recipient_pb2.Preferences(user_id="ada", **wanted)
    assert {request.tenant_id for request in peers.recipients.requests} == {"default"}


async def test_a_user_nobody_set_any_for_has_none(client: Client) -> None:
    assert (await client.recipients.GetPreferences(api.GetPreferencesRequest(user_id="eve"))).choices == []


@pytest.mark.parametrize(
    "fields, reason, field",
    [
        ({"user_id": ""}, "INVALID_FIELDS", "preferences.user_id"),
        ({"user_id": "u" * 257}, "INVALID_FIELDS", "preferences.user_id"),
        ({"user_id": "a\0b"}, "INVALID_FIELDS", "preferences.user_id"),
        ({"time_zone": "Europe/Entenhausen"}, "TIME_ZONE_UNKNOWN", "preferences.time_zone"),
        ({"time_zone": "europe/berlin"}, "TIME_ZONE_UNKNOWN", "preferences.time_zone"),
        ({"time_zone": "Europe"}, "TIME_ZONE_UNKNOWN", "preferences.time_zone"),
        ({"time_zone": "../../etc/passwd"}, "TIME_ZONE_UNKNOWN", "preferences.time_zone"),
        ({"time_zone": "UTC\0"}, "TIME_ZONE_UNKNOWN", "preferences.time_zone"),
        ({"time_zone": "x" * 65}, "INVALID_FIELDS", "preferences.time_zone"),
        ({"quiet_from": "22:00"}, "QUIET_HOURS_HALF", "preferences.quiet_until"),
        ({"quiet_until": "07:00"}, "QUIET_HOURS_HALF", "preferences.quiet_from"),
        ({"quiet_from": "24:00", "quiet_until": "07:00"}, "INVALID_FIELDS", "preferences.quiet_from"),
        ({"quiet_from": "22:00", "quiet_until": "7:00"}, "INVALID_FIELDS", "preferences.quiet_until"),
        ({"quiet_from": "07:00", "quiet_until": "07:00"}, "QUIET_HOURS_EMPTY", "preferences.quiet_until"),
        ({"choices": [CHOICE, {**CHOICE, "enabled": True}]}, "CHOICE_REPEATED", "preferences.choices[1]"),
        ({"choices": [{**CHOICE, "channel": 0}]}, "INVALID_FIELDS", "preferences.choices[0].channel"),
        ({"choices": [{**CHOICE, "channel": 77}]}, "INVALID_FIELDS", "preferences.choices[0].channel"),
        ({"choices": [{**CHOICE, "category": "News"}]}, "INVALID_FIELDS", "preferences.choices[0].category"),
        ({"choices": [{**CHOICE, "category": "a\0"}]}, "INVALID_FIELDS", "preferences.choices[0].category"),
        ({"choices": [{**CHOICE, "category": str(n)} for n in range(201)]}, "INVALID_FIELDS", "preferences.choices"),
    ],
)
async def test_preferences_that_cannot_be_are_refused_at_their_place(
    client: Client, peers: fakes.Peers, fields: dict[str, Any], reason: str, field: str
) -> None:
    error = await refusal(set_preferences(client, **fields))
    assert (error.code, error.reason, error.violations[0].field) == (Code.INVALID_ARGUMENT, reason, field)
    assert not peers.recipients.requests


@pytest.mark.parametrize(
    "name",
    [
        *(
            "localtime",
            "Factory",
            "posixrules",
            "right/Europe/Berlin",
            "posix/UTC",
            "zone.tab",
            "tzdata.zi",
            "leapseconds",
        ),
        *(
            "./UTC",
            "..",
            "/usr/share/zoneinfo/UTC",
            "Europe/./Berlin",
            "Europe//Berlin",
            "Europe/Berlin/",
            " UTC",
            "UTC ",
        ),
        *("utc", "EUROPE/BERLIN", "+01:00", "UTC+1", "CEST", "Europe/Berlin\u0131"),
    ],
)
async def test_what_the_zone_files_hold_besides_zones_is_no_time_zone(client: Client, name: str) -> None:
    error = await refusal(set_preferences(client, time_zone=name))
    assert (error.reason, error.violations[0].field) == ("TIME_ZONE_UNKNOWN", "preferences.time_zone")


async def test_a_zone_in_the_wrong_case_is_told_in_the_right_one(client: Client) -> None:
    assert (await refusal(set_preferences(client, time_zone="europe/berlin"))).hint == "write Europe/Berlin"


@pytest.mark.parametrize(
    "name", ["", "UTC", "Europe/Berlin", "Asia/Calcutta", "America/Argentina/Buenos_Aires", "Etc/GMT+1"]
)
async def test_every_name_of_the_database_is_a_time_zone(client: Client, name: str) -> None:
    assert (await set_preferences(client, time_zone=name)).time_zone == name


@pytest.mark.parametrize("user_id", [".", ".."])
async def test_a_user_that_no_path_can_name_is_refused_everywhere(
    client: Client, peers: fakes.Peers, user_id: str
) -> None:
    calls = [
        set_preferences(client, user_id=user_id),
        suppress(client, user_id=user_id, channel="EMAIL"),
        register(client, user_id=user_id, token="t"),
        client.recipients.GetPreferences(api.GetPreferencesRequest(user_id=user_id)),
        client.recipients.ListSuppressions(api.ListSuppressionsRequest(user_id=user_id)),
        client.recipients.ListDeviceTokens(api.ListDeviceTokensRequest(user_id=user_id)),
        client.recipients.DeleteSuppression(api.DeleteSuppressionRequest(user_id=user_id, suppression_id=ID)),
        client.recipients.DeleteDeviceToken(api.DeleteDeviceTokenRequest(user_id=user_id, device_token_id=ID)),
        client.original.Send(
            compatibility_service_pb2.SendRequest(user_id=user_id, template_name="welcome", to="a@b.co")
        ),
    ]
    for call in calls:
        error = await refusal(call)
        assert [violation.field.rpartition(".")[2] for violation in error.violations] == ["user_id"]
        assert "folders in a path" in error.message
    assert not peers.recipients.requests and not peers.router.submissions


@pytest.mark.parametrize(
    "fields, stored",
    [
        ({"channel": "EMAIL"}, ""),
        ({"channel": "EMAIL", "address": "Ada@EXAMPLE.com"}, "Ada@example.com"),
        ({"address": "ada@EXAMPLE.com"}, "ada@example.com"),
        ({"address": "+15551234567"}, "+15551234567"),
        ({"address": "a-device-token"}, "a-device-token"),
    ],
)
async def test_a_suppression_holds_the_address_as_it_is_sent_to(
    client: Client, peers: fakes.Peers, fields: dict[str, Any], stored: str
) -> None:
    made = await suppress(client, **fields, suppression_id=ID, create_time={"seconds": 5})
    assert (made.address, made.reason) == (stored, recipient_pb2.Suppression.MANUAL)
    assert made.suppression_id != ID and not made.HasField("create_time")
    page = await client.recipients.ListSuppressions(api.ListSuppressionsRequest(user_id="ada"))
    assert list(page.suppressions) == [made] and page.next_page_token == "next"
    assert peers.recipients.requests[-1].page_size == 50


@pytest.mark.parametrize(
    "fields, reason, field",
    [
        ({}, "SUPPRESSION_OF_NOTHING", "suppression"),
        ({"category": "news"}, "SUPPRESSION_OF_NOTHING", "suppression"),
        ({"channel": 77}, "INVALID_FIELDS", "suppression.channel"),
        ({"channel": "EMAIL", "reason": 77}, "INVALID_FIELDS", "suppression.reason"),
        ({"channel": "EMAIL", "category": "a\0"}, "INVALID_FIELDS", "suppression.category"),
        ({"channel": "EMAIL", "address": "x" * 4097}, "INVALID_FIELDS", "suppression.address"),
        ({"channel": "EMAIL", "address": "a\0@b.co"}, "ADDRESS_CONTROL_CHARACTER", "suppression.address"),
        ({"channel": "SMS", "address": "ada@example.com"}, "PHONE_NOT_E164", "suppression.address"),
        ({"address": "two words"}, "DEVICE_TOKEN_INVALID", "suppression.address"),
        ({"channel": "SMS", "user_id": "a\0"}, "INVALID_FIELDS", "suppression.user_id"),
    ],
)
async def test_a_suppression_that_cannot_be_is_refused_at_its_place(
    client: Client, peers: fakes.Peers, fields: dict[str, Any], reason: str, field: str
) -> None:
    error = await refusal(suppress(client, **fields))
    assert (error.code, error.reason, error.violations[0].field) == (Code.INVALID_ARGUMENT, reason, field)
    assert not peers.recipients.requests


async def test_a_suppression_is_lifted_by_its_id_in_any_case(client: Client) -> None:
    made = await suppress(client, channel="SMS")
    asked = api.DeleteSuppressionRequest(user_id="ada", suppression_id=made.suppression_id.upper())
    await client.recipients.DeleteSuppression(asked)
    assert (await refusal(client.recipients.DeleteSuppression(asked))).reason == "SUPPRESSION_NOT_FOUND"


async def test_devices_are_kept_told_and_forgotten(client: Client) -> None:
    await register(client, token="old")
    made = await register(client, token="new", label="Pixel 9")
    told = await client.recipients.ListDeviceTokens(api.ListDeviceTokensRequest(user_id="ada"))
    assert [(one.token, one.label) for one in told.device_tokens] == [("new", "Pixel 9"), ("old", "")]
    asked = api.DeleteDeviceTokenRequest(user_id="ada", device_token_id=made.device_token_id)
    await client.recipients.DeleteDeviceToken(asked)
    assert (await refusal(client.recipients.DeleteDeviceToken(asked))).code is Code.NOT_FOUND


@pytest.mark.parametrize(
    "fields, reason, field",
    [
        ({"token": ""}, "INVALID_FIELDS", "device_token.token"),
        ({"token": "x" * 4097}, "INVALID_FIELDS", "device_token.token"),
        ({"token": "two words"}, "DEVICE_TOKEN_INVALID", "device_token.token"),
        ({"token": "a\0"}, "ADDRESS_CONTROL_CHARACTER", "device_token.token"),
        ({"token": "t", "label": "a\0"}, "LABEL_NUL", "device_token.label"),
        ({"token": "t", "label": "l" * 129}, "INVALID_FIELDS", "device_token.label"),
        ({"token": "t", "user_id": ""}, "INVALID_FIELDS", "device_token.user_id"),
    ],
)
async def test_a_device_that_cannot_be_is_refused_at_its_place(
    client: Client, peers: fakes.Peers, fields: dict[str, Any], reason: str, field: str
) -> None:
    error = await refusal(register(client, **fields))
    assert (error.code, error.reason, error.violations[0].field) == (Code.INVALID_ARGUMENT, reason, field)
    assert not peers.recipients.requests


@pytest.mark.parametrize(
    "user_id, reason", [("", "INVALID_FIELDS"), ("u" * 257, "INVALID_FIELDS"), ("a\0", "INVALID_FIELDS")]
)
async def test_a_user_that_cannot_be_is_refused_everywhere(
    client: Client, peers: fakes.Peers, user_id: str, reason: str
) -> None:
    stub = client.recipients
    calls = [
        stub.GetPreferences(api.GetPreferencesRequest(user_id=user_id)),
        stub.ListSuppressions(api.ListSuppressionsRequest(user_id=user_id)),
        stub.DeleteSuppression(api.DeleteSuppressionRequest(user_id=user_id, suppression_id=ID)),
        stub.ListDeviceTokens(api.ListDeviceTokensRequest(user_id=user_id)),
        stub.DeleteDeviceToken(api.DeleteDeviceTokenRequest(user_id=user_id, device_token_id=ID)),
    ]
    for call in calls:
        error = await refusal(call)
        assert (error.reason, error.violations[0].field) == (reason, "user_id")
    assert not peers.recipients.requests


async def test_what_another_tenant_keeps_is_not_found(client: Client, peers: fakes.Peers) -> None:
    theirs = recipient_pb2.Suppression(suppression_id=ID.lower(), user_id="ada", channel=enums_pb2.SMS)
    peers.recipients.suppressions["other", "ada"] = [theirs]
    assert not (await client.recipients.ListSuppressions(api.ListSuppressionsRequest(user_id="ada"))).suppressions
    asked = api.DeleteSuppressionRequest(user_id="ada", suppression_id=ID)
    assert (await refusal(client.recipients.DeleteSuppression(asked))).code is Code.NOT_FOUND
    assert peers.recipients.suppressions["other", "ada"]
