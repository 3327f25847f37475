"""The ledger's side of recipients, in memory."""

from __future__ import annotations

import uuid
from typing import Any

from pulse.common.v1 import recipient_pb2
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2
from shared.errors import not_found


class Recipients:
    """What users want, must not get and can be reached by; by tenant and user."""

    def __init__(self) -> None:
        self.preferences: dict[tuple[str, str], recipient_pb2.Preferences] = {}
        self.suppressions: dict[tuple[str, str], list[recipient_pb2.Suppression]] = {}
        self.devices: dict[tuple[str, str], list[recipient_pb2.DeviceToken]] = {}
        self.requests: list[Any] = []


class RecipientReads:
    """For the reader."""

    recipients: Recipients

    async def GetPreferences(self, request: Any, context: Any) -> Any:
        self.recipients.requests.append(request)
        nothing = recipient_pb2.Preferences(user_id=request.user_id)
        kept = self.recipients.preferences.get((request.tenant_id, request.user_id), nothing)
        return ledger_reader_pb2.GetPreferencesResponse(preferences=kept)

    async def ListSuppressions(self, request: Any, context: Any) -> Any:
        self.recipients.requests.append(request)
        kept = self.recipients.suppressions.get((request.tenant_id, request.user_id), [])
        return ledger_reader_pb2.ListSuppressionsResponse(suppressions=kept, next_page_token="next" if kept else "")

    async def ListDeviceTokens(self, request: Any, context: Any) -> Any:
        self.recipients.requests.append(request)
        kept = self.recipients.devices.get((request.tenant_id, request.user_id), [])
        return ledger_reader_pb2.ListDeviceTokensResponse(device_tokens=kept)


class RecipientWrites:
    """For the admin."""

    recipients: Recipients

    async def UpdatePreferences(self, request: Any, context: Any) -> Any:
        self.recipients.requests.append(request)
        self.recipients.preferences[request.tenant_id, request.preferences.user_id] = request.preferences
        return ledger_admin_pb2.UpdatePreferencesResponse(preferences=request.preferences)

    async def CreateSuppression(self, request: Any, context: Any) -> Any:
        self.recipients.requests.append(request)
        request.suppression.suppression_id = str(uuid.uuid4())
        key = (request.tenant_id, request.suppression.user_id)
        self.recipients.suppressions.setdefault(key, []).append(request.suppression)
        return ledger_admin_pb2.CreateSuppressionResponse(suppression=request.suppression)

    async def DeleteSuppression(self, request: Any, context: Any) -> Any:
        self.recipients.requests.append(request)
        kept = self.recipients.suppressions.get((request.tenant_id, request.user_id), [])
        left = [one for one in kept if one.suppression_id != request.suppression_id]
        if len(left) == len(kept):
            raise not_found("suppression", request.suppression_id)
        kept[:] = left
        return ledger_admin_pb2.DeleteSuppressionResponse()

    async def RegisterDeviceToken(self, request: Any, context: Any) -> Any:
        self.recipients.requests.append(request)
        request.device_token.device_token_id = str(uuid.uuid4())
        key = (request.tenant_id, request.device_token.user_id)
        self.recipients.devices.setdefault(key, []).insert(0, request.device_token)
        return ledger_admin_pb2.RegisterDeviceTokenResponse(device_token=request.device_token)

    async def DeleteDeviceToken(self, request: Any, context: Any) -> Any:
        self.recipients.requests.append(request)
        kept = self.recipients.devices.get((request.tenant_id, request.user_id), [])
        left = [one for one in kept if one.device_token_id != request.device_token_id]
        if len(left) == len(kept):
            raise not_found("device_token", request.device_token_id)
        kept[:] = left
        return ledger_admin_pb2.DeleteDeviceTokenResponse()
