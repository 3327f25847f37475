"""Who may do what."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, notification_pb2
from pulse.gateway.v1 import notification_service_pb2 as notifications
from pulse.gateway.v1 import operations_service_pb2 as operations
from pulse.gateway.v1 import recipient_service_pb2 as recipients
from pulse.gateway.v1 import template_service_pb2 as templates
from services.gateway.door import key_file
from shared.config import ConfigError
from shared.errors import Code
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal, request


def entry(key: str, name: str, scopes: list[str], tenant: str = "acme") -> dict[str, Any]:
    """One key as the file holds it."""
    return {"tenant": tenant, "name": name, "sha256": hashlib.sha256(key.encode()).hexdigest(), "scopes": scopes}


@pytest.fixture
async def keyed(serve, peers: fakes.Peers, tmp_path: Path) -> Client:
    """A client of a gateway that requires keys."""
    path = tmp_path / "keys.json"
    everything = ["send", "read", "templates", "operate", "keys"]
    path.write_text(
        json.dumps([entry("sesame", "billing", everything), entry("look", "reader", ["read"]), entry("x", "idle", [])])
    )
    peers.store(fakes.template("welcome", enums_pb2.EMAIL, "Hi {{ name }}"), tenant="acme")
    return await serve(PULSE_AUTH="required", PULSE_GATEWAY_API_KEYS_FILE=str(path))


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Bearer sesame")],
        [("authorization", "bearer sesame")],
        [("x-api-key", "sesame")],
        [("x-api-key", "sesame"), ("authorization", "Bearer sesame")],
    ],
)
async def test_the_tenant_comes_from_the_key(keyed: Client, peers: fakes.Peers, headers: list) -> None:
    await keyed.send(headers=[*headers, ("x-tenant-id", "victim")])
    assert peers.router.submissions[0].tenant_id == "acme"


@pytest.mark.parametrize(
    "headers, reason",
    [
        ([], "API_KEY_MISSING"),
        ([("x-api-key", "")], "API_KEY_MISSING"),
        ([("authorization", "Basic c2VzYW1l")], "API_KEY_MISSING"),
        ([("authorization", "Bearer ")], "API_KEY_MISSING"),
        ([("x-api-key", "guess")], "API_KEY_UNKNOWN"),
        ([("x-api-key", "sesame"), ("authorization", "Bearer look")], "API_KEY_AMBIGUOUS"),
    ],
)
async def test_without_a_known_key_nothing_is_done(
    keyed: Client, peers: fakes.Peers, headers: list, reason: str
) -> None:
    error = await refusal(keyed.send(headers=headers))
    assert (error.code, error.reason) == (Code.UNAUTHENTICATED, reason)
    assert not peers.router.submissions


async def test_a_key_reaches_no_further_than_its_scopes(keyed: Client, peers: fakes.Peers) -> None:
    peers.know(notification_pb2.Notification(notification_id=fakes.KNOWN_ID), tenant="acme")
    look = [("x-api-key", "look")]
    found = await keyed.notifications.GetNotification(
        notifications.GetNotificationRequest(notification_id=fakes.KNOWN_ID), metadata=look
    )
    assert found.notification_id == fakes.KNOWN_ID
    forbidden = [
        (keyed.notifications.SendNotification(request(), metadata=look), "send"),
        (keyed.notifications.CancelNotification(notifications.CancelNotificationRequest(), metadata=look), "send"),
        (keyed.templates.DeleteTemplate(templates.DeleteTemplateRequest(name="welcome"), metadata=look), "templates"),
        (keyed.operations.GetQueueDepths(operations.GetQueueDepthsRequest(), metadata=look), "operate"),
        (keyed.operations.PauseDelivery(operations.PauseDeliveryRequest(), metadata=look), "administer"),
        (keyed.operations.ResumeDelivery(operations.ResumeDeliveryRequest(), metadata=look), "administer"),
        (keyed.operations.OverrideBreaker(operations.OverrideBreakerRequest(), metadata=look), "administer"),
        (keyed.operations.ListProviders(operations.ListProvidersRequest(), metadata=look), "operate"),
        (keyed.operations.ListLimits(operations.ListLimitsRequest(), metadata=look), "operate"),
        (keyed.operations.SetLimit(operations.SetLimitRequest(), metadata=look), "operate"),
        (keyed.operations.DeleteLimit(operations.DeleteLimitRequest(), metadata=look), "operate"),
        (keyed.recipients.UpdatePreferences(recipients.UpdatePreferencesRequest(), metadata=look), "send"),
        (keyed.recipients.CreateSuppression(recipients.CreateSuppressionRequest(), metadata=look), "operate"),
        (keyed.recipients.DeleteSuppression(recipients.DeleteSuppressionRequest(), metadata=look), "operate"),
        (keyed.recipients.RegisterDeviceToken(recipients.RegisterDeviceTokenRequest(), metadata=look), "send"),
        (keyed.recipients.DeleteDeviceToken(recipients.DeleteDeviceTokenRequest(), metadata=look), "send"),
        (
            keyed.notifications.AcknowledgeNotification(notifications.AcknowledgeNotificationRequest(), metadata=look),
            "send",
        ),
    ]
    for call, scope in forbidden:
        error = await refusal(call)
        assert (error.code, error.reason) == (Code.PERMISSION_DENIED, "SCOPE_MISSING")
        assert error.metadata == {"scope": scope}
    assert not peers.router.submissions and not peers.ledger.cancels and not peers.admin.changes
    assert not peers.recipients.requests and not peers.operators.requests and not peers.ledger.acknowledged


async def test_a_cancel_is_recorded_under_the_keys_name(keyed: Client, peers: fakes.Peers) -> None:
    peers.know(notification_pb2.Notification(notification_id=fakes.KNOWN_ID), tenant="acme")
    await keyed.notifications.CancelNotification(
        notifications.CancelNotificationRequest(notification_id=fakes.KNOWN_ID), metadata=[("x-api-key", "sesame")]
    )
    assert peers.ledger.cancels[0].actor == "billing"


async def test_templates_of_another_tenant_are_not_found(keyed: Client) -> None:
    error = await refusal(keyed.send(headers=[("x-api-key", "sesame")], template_name="code_otp"))
    assert error.reason == "TEMPLATE_NOT_FOUND"


@pytest.mark.parametrize(
    "text, message",
    [
        ("nonsense", "no JSON: Expecting value at character 1"),
        ("{}", "wrong at its beginning"),
        ('[{"tenant": "a", "tenant": "b"}]', "'tenant' stands twice in one object"),
        ("[{}]", "wrong at 0.tenant"),
        (json.dumps([{**entry("k", "n", ["send"]), "sha256": "k"}]), "wrong at 0.sha256"),
        (json.dumps([{**entry("k", "n", ["send"]), "key": "k"}]), "wrong at 0.key"),
        (json.dumps([entry("k", "n", ["sned"])]), "unknown scope 'sned'"),
        (None, "cannot be read"),
    ],
)
def test_a_key_file_that_cannot_be_is_refused_by_its_place(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "keys.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        key_file.read(str(path))
