"""Limits, providers and pauses, and whose business each of them is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, limit_pb2, provider_pb2
from pulse.gateway.v1 import operations_service_pb2 as api
from shared.errors import Code, PulseError
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal

MINUTE = {"seconds": 60}
OWN = {"kind": "USER_CHANNEL", "amount": 3, "window": MINUTE}
OPERATOR, PLATFORM = [("x-api-key", "operator")], [("x-api-key", "platform")]


@pytest.fixture
async def keyed(serve: Any, tmp_path: Path) -> Client:
    """A client of a gateway with a tenant's operator and a platform administrator."""
    keys = [
        {"tenant": tenant, "name": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), "scopes": scopes}
        for tenant, name, scopes in (("acme", "operator", ["operate"]), ("home", "platform", ["operate", "administer"]))
    ]
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(keys))
    return await serve(PULSE_AUTH="required", PULSE_GATEWAY_API_KEYS_FILE=str(path))


async def set_limit(client: Client, metadata: Any = None, **fields: Any) -> limit_pb2.Limit:
    return await client.operations.SetLimit(api.SetLimitRequest(limit=fields), metadata=metadata)


async def test_a_limit_is_set_listed_and_forgotten(client: Client, peers: fakes.Peers) -> None:
    made = await set_limit(client, **OWN, subject="login_otp", limit_id="x", actor="eve")
    assert (made.limit_id, made.tenant_id, made.amount) == ("user_channel:login_otp", "default", 3)
    assert peers.operators.requests[0].actor == "anonymous" and made.actor == ""
    listed = await client.operations.ListLimits(api.ListLimitsRequest())
    assert [one.limit_id for one in listed.limits] == ["user_channel:login_otp"]
    forget = api.DeleteLimitRequest(limit_id="user_channel:login_otp")
    await client.operations.DeleteLimit(forget)
    assert (await refusal(client.operations.DeleteLimit(forget))).reason == "LIMIT_NOT_FOUND"


@pytest.mark.parametrize(
    "fields, field",
    [
        ({"kind": 0}, "limit.kind"),
        ({"kind": 77}, "limit.kind"),
        ({"subject": "a\0"}, "limit.subject"),
        ({"subject": "s" * 101}, "limit.subject"),
        ({"amount": -1}, "limit.amount"),
        ({"amount": 10**12 + 1}, "limit.amount"),
        ({"window": {"nanos": 1}}, "limit.window"),
        ({"window": {"seconds": 2_678_401}}, "limit.window"),
        ({"tenant_id": "t" * 257}, "limit.tenant_id"),
        ({"tenant_id": "a\0"}, "limit.tenant_id"),
    ],
)
async def test_a_limit_that_cannot_be_is_refused_at_its_place(
    client: Client, peers: fakes.Peers, fields: dict[str, Any], field: str
) -> None:
    error = await refusal(set_limit(client, **{**OWN, **fields}))
    assert (error.code, error.violations[0].field) == (Code.INVALID_ARGUMENT, field)
    assert not peers.operators.requests


@pytest.mark.parametrize("limit_id", ["a\0", "User_Channel", "user_channel:", "x" * 128, "../limits", "tenant: "])
async def test_what_can_be_no_limit_is_not_asked_for(client: Client, peers: fakes.Peers, limit_id: str) -> None:
    error = await refusal(client.operations.DeleteLimit(api.DeleteLimitRequest(limit_id=limit_id)))
    assert error.code is Code.NOT_FOUND
    assert not peers.operators.requests


@pytest.mark.parametrize(
    "fields",
    [
        {**OWN, "tenant_id": "other"},
        {**OWN, "tenant_id": "*"},
        {"kind": "PROVIDER", "subject": "twilio", "amount": 9, "window": MINUTE},
        {"kind": "FAIR_SHARE", "amount": 9},
        {"kind": "TENANT", "amount": 9, "window": MINUTE},
        {"kind": "SMS_PREFIX", "subject": "+49", "amount": 9},
        {"kind": "SMS_SPEND", "amount": 9, "window": MINUTE},
    ],
)
async def test_what_concerns_others_is_for_platform_administrators(
    keyed: Client, peers: fakes.Peers, fields: dict[str, Any]
) -> None:
    error = await refusal(set_limit(keyed, OPERATOR, **fields))
    assert (error.code, error.metadata) == (Code.PERMISSION_DENIED, {"scope": "administer"})
    assert not peers.operators.requests
    await set_limit(keyed, PLATFORM, **fields)


@pytest.mark.parametrize(
    "asked",
    [
        api.DeleteLimitRequest(limit_id="tenant", tenant_id="other"),
        api.DeleteLimitRequest(limit_id="tenant", tenant_id="*"),
        api.DeleteLimitRequest(limit_id="provider:twilio"),
        api.DeleteLimitRequest(limit_id="fair_share"),
        api.DeleteLimitRequest(limit_id="per_moon:of-a-newer-release"),
    ],
)
async def test_an_operator_forgets_no_limit_of_others(keyed: Client, asked: api.DeleteLimitRequest) -> None:
    error = await refusal(keyed.operations.DeleteLimit(asked, metadata=OPERATOR))
    assert (error.code, error.metadata) == (Code.PERMISSION_DENIED, {"scope": "administer"})


@pytest.mark.parametrize(
    "fields, owner",
    [
        (OWN, "home"),
        ({**OWN, "tenant_id": "home"}, "home"),
        ({**OWN, "tenant_id": "acme"}, "acme"),
        ({**OWN, "tenant_id": "*"}, ""),
        ({"kind": "PROVIDER", "subject": "twilio", "amount": 9, "window": MINUTE}, ""),
        ({"kind": "FAIR_SHARE", "amount": 9}, "home"),
    ],
)
async def test_a_limit_is_the_callers_own_unless_another_is_named(
    keyed: Client, peers: fakes.Peers, fields: dict[str, Any], owner: str
) -> None:
    await set_limit(keyed, PLATFORM, **fields)
    assert peers.operators.requests[0].limit.tenant_id == owner


async def test_an_operator_sees_his_own_limits_and_those_of_all(keyed: Client) -> None:
    for tenant_id in ("acme", "other", "*"):
        await set_limit(keyed, PLATFORM, **{**OWN, "tenant_id": tenant_id})
    listed = await keyed.operations.ListLimits(api.ListLimitsRequest(), metadata=OPERATOR)
    assert [one.tenant_id for one in listed.limits] == ["", "acme"]
    error = await refusal(keyed.operations.ListLimits(api.ListLimitsRequest(tenant_id="other"), metadata=OPERATOR))
    assert error.code is Code.PERMISSION_DENIED
    asked = api.ListLimitsRequest(tenant_id="other")
    listed = await keyed.operations.ListLimits(asked, metadata=PLATFORM)
    assert [one.tenant_id for one in listed.limits] == ["", "other"]


@pytest.fixture
def states(peers: fakes.Peers) -> None:
    """A worker told of smtp and of a provider that is no longer configured."""
    peers.operators.states += [
        provider_pb2.ProviderState(provider="smtp", channel="EMAIL", breaker="OPEN", reason="7 of 10 failed"),
        provider_pb2.ProviderState(provider="old", channel="EMAIL", breaker="CLOSED", reachable=True),
    ]


@pytest.mark.usefixtures("states")
async def test_providers_are_told_with_their_breaker_and_whether_they_can_be_reached(client: Client) -> None:
    told = (await client.operations.ListProviders(api.ListProvidersRequest())).providers
    assert [(one.channel, one.provider) for one in told] == [(1, "old"), (1, "smtp"), (2, "twilio")]
    old, smtp, twilio = told
    assert (smtp.breaker, smtp.reachable, smtp.check_time.seconds) == (provider_pb2.OPEN, True, 9)
    assert (twilio.breaker, twilio.override, twilio.problem) == (0, provider_pb2.AUTOMATIC, "refused")
    assert old.provider == "old"


@pytest.mark.usefixtures("states")
@pytest.mark.parametrize("code", [Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED])
async def test_providers_are_told_without_the_delivery_service_too(
    client: Client, peers: fakes.Peers, code: Code
) -> None:
    peers.delivery.fail = PulseError(code, "AWAY", "away")
    told = (await client.operations.ListProviders(api.ListProvidersRequest())).providers
    assert [(one.provider, one.reachable) for one in told] == [("smtp", False), ("old", False)]
    assert "delivery service" in told[0].problem


@pytest.mark.usefixtures("states")
async def test_a_breaker_is_overridden_in_a_name(client: Client, peers: fakes.Peers) -> None:
    asked = api.OverrideBreakerRequest(provider="smtp", override="FORCED_OPEN")
    assert (await client.operations.OverrideBreaker(asked)).override == provider_pb2.FORCED_OPEN
    assert peers.operators.requests[0].actor == "anonymous"


@pytest.mark.parametrize(
    "fields, code, reason",
    [
        ({"override": "FORCED_OPEN"}, Code.INVALID_ARGUMENT, "INVALID_FIELDS"),
        ({"provider": "smtp"}, Code.INVALID_ARGUMENT, "INVALID_FIELDS"),
        ({"provider": "smtp", "override": 77}, Code.INVALID_ARGUMENT, "INVALID_FIELDS"),
        ({"provider": "p" * 65, "override": 1}, Code.INVALID_ARGUMENT, "INVALID_FIELDS"),
        ({"provider": "a\0", "override": 1}, Code.INVALID_ARGUMENT, "PROVIDER_INVALID"),
        ({"provider": "nobody", "override": 1}, Code.NOT_FOUND, "PROVIDER_NOT_FOUND"),
    ],
)
async def test_an_override_that_cannot_be_is_refused(
    client: Client, fields: dict[str, Any], code: Code, reason: str
) -> None:
    error = await refusal(client.operations.OverrideBreaker(api.OverrideBreakerRequest(**fields)))
    assert (error.code, error.reason) == (code, reason)


async def test_a_channel_or_a_provider_is_paused_and_resumed(client: Client, peers: fakes.Peers) -> None:
    await client.operations.PauseDelivery(api.PauseDeliveryRequest(channel="SMS"))
    await client.operations.ResumeDelivery(api.ResumeDeliveryRequest(provider="smtp"))
    pause, resume = peers.operators.requests
    assert (pause.channel, pause.provider, pause.paused, pause.actor) == (enums_pb2.SMS, "", True, "anonymous")
    assert (resume.channel, resume.provider, resume.paused) == (0, "smtp", False)


@pytest.mark.parametrize(
    "fields, reason",
    [
        ({}, "CHANNEL_OR_PROVIDER"),
        ({"channel": "SMS", "provider": "twilio"}, "CHANNEL_OR_PROVIDER"),
        ({"channel": 77}, "INVALID_FIELDS"),
        ({"provider": "p" * 65}, "INVALID_FIELDS"),
        ({"provider": "a\0"}, "PROVIDER_INVALID"),
    ],
)
async def test_a_pause_of_what_cannot_be_paused_is_refused(
    client: Client, peers: fakes.Peers, fields: dict[str, Any], reason: str
) -> None:
    for call in (
        client.operations.PauseDelivery(api.PauseDeliveryRequest(**fields)),
        client.operations.ResumeDelivery(api.ResumeDeliveryRequest(**fields)),
    ):
        error = await refusal(call)
        assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, reason)
    assert not peers.operators.requests
