"""What a gateway keeps for recipients and operators, in memory; every request is remembered."""

from __future__ import annotations

from typing import Any

from google.protobuf import empty_pb2

from pulse.common.v1 import destination_pb2, enums_pb2, limit_pb2, notification_pb2, provider_pb2, recipient_pb2
from pulse.gateway.v1 import (
    destination_service_pb2,
    destination_service_pb2_grpc,
    operations_service_pb2,
    recipient_service_pb2,
    recipient_service_pb2_grpc,
)

ID = "01890000-0000-7000-8000-000000000001"


class Recipients(recipient_service_pb2_grpc.RecipientServiceServicer):
    """Keeps all for one user."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.preferences = recipient_pb2.Preferences()

    def GetPreferences(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        return self.preferences

    def UpdatePreferences(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        self.preferences = request.preferences
        return self.preferences

    def ListSuppressions(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        kept = recipient_pb2.Suppression(suppression_id=ID, channel="SMS", reason="COMPLAINT")
        token = "" if request.page_token else "2"
        return recipient_service_pb2.ListSuppressionsResponse(suppressions=[kept], next_page_token=token)

    def CreateSuppression(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        request.suppression.suppression_id = ID
        return request.suppression

    def DeleteSuppression(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        return empty_pb2.Empty()

    def ListDeviceTokens(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        kept = recipient_pb2.DeviceToken(device_token_id=ID, token="abc", label="Pixel 9")
        return recipient_service_pb2.ListDeviceTokensResponse(device_tokens=[kept])

    def RegisterDeviceToken(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        request.device_token.device_token_id = ID
        return request.device_token

    def DeleteDeviceToken(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        return empty_pb2.Empty()


class Kept:
    """The operators' part that changes something."""

    def __init__(self) -> None:
        self.requests: list[Any] = []

    def ListDeadLetters(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        dead = notification_pb2.Notification(notification_id=ID, status=enums_pb2.FAILED)
        token = "" if request.page_token else "2"
        return operations_service_pb2.ListDeadLettersResponse(dead_letters=[dead], next_page_token=token)

    def ReplayDeadLetter(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        return notification_pb2.Notification(notification_id=request.notification_id, status=enums_pb2.QUEUED)

    def ReplayDeadLetters(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        return operations_service_pb2.ReplayDeadLettersResponse(matched=7)

    def ListLimits(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        limit = limit_pb2.Limit(limit_id="tenant", kind="TENANT", amount=5, window={"seconds": 60}, actor="ann")
        return operations_service_pb2.ListLimitsResponse(limits=[limit])

    def SetLimit(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        request.limit.limit_id = "made"
        return request.limit

    def DeleteLimit(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        return empty_pb2.Empty()

    def ListProviders(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        state = provider_pb2.ProviderState(
            provider="twilio", channel="SMS", breaker="OPEN", reason="7 of 10 failed", paused=True, problem="refused"
        )
        return operations_service_pb2.ListProvidersResponse(providers=[state])

    def OverrideBreaker(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        return provider_pb2.ProviderState(provider=request.provider, override=request.override)

    def PauseDelivery(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        return operations_service_pb2.PauseDeliveryResponse()

    def ResumeDelivery(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        return operations_service_pb2.ResumeDeliveryResponse()


class Destinations(destination_service_pb2_grpc.DestinationServiceServicer):
    """Keeps them without their urls, as a gateway tells them."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.kept: dict[str, destination_pb2.Destination] = {}

    def _keep(self, request: Any) -> Any:
        self.requests.append(request)
        given = request.destination
        kept = destination_pb2.Destination(
            name=given.name, kind="slack", host="hooks.slack.com", fingerprint="0123456789abcdef", key_id="0a0b0c0d"
        )
        self.kept[given.name] = kept
        return kept

    def CreateDestination(self, request: Any, context: Any) -> Any:
        return self._keep(request)

    def UpdateDestination(self, request: Any, context: Any) -> Any:
        return self._keep(request)

    def GetDestination(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        return self.kept[request.name]

    def ListDestinations(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        return destination_service_pb2.ListDestinationsResponse(destinations=self.kept.values())

    def DeleteDestination(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        del self.kept[request.name]
        return empty_pb2.Empty()
