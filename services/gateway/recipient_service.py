"""RecipientService: in the contract, and refused by this release."""

from __future__ import annotations

from typing import Any

from pulse.gateway.v1 import recipient_service_pb2_grpc as api_grpc
from services.gateway.calls import Context, Entry
from services.gateway.not_available import not_available


class RecipientService(api_grpc.RecipientServiceServicer):
    """Preferences, suppressions and device tokens are not kept yet."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    async def _refuse(self, request: Any, context: Context) -> Any:
        self._entry.caller(context, "operate")
        raise not_available("keeping preferences, suppressions and device tokens")

    GetPreferences = _refuse
    UpdatePreferences = _refuse
    ListSuppressions = _refuse
    CreateSuppression = _refuse
    DeleteSuppression = _refuse
    ListDeviceTokens = _refuse
    RegisterDeviceToken = _refuse
    DeleteDeviceToken = _refuse
