"""Calls on what is kept of recipients."""

from __future__ import annotations

from pulse.common.v1 import enums_pb2, recipient_pb2
from pulse.gateway.v1 import recipient_service_pb2 as pb
from pulse.gateway.v1.recipient_service_pb2_grpc import RecipientServiceStub
from pulse_client import read_recipients as read
from pulse_client.calls import Call, Page, page
from pulse_client.enums import Channel, DeviceKind, SuppressionReason
from pulse_client.recipient import DeviceToken, Preferences, Suppression
from pulse_client.wire import number


def get_preferences(user_id: str) -> Call[Preferences]:
    """GetPreferences."""
    return Call(RecipientServiceStub, "GetPreferences", pb.GetPreferencesRequest(user_id=user_id), read.preferences)


def update_preferences(wanted: Preferences) -> Call[Preferences]:
    """UpdatePreferences."""
    choices = [
        recipient_pb2.Preferences.Choice(
            category=choice.category,
            channel=number(Channel, enums_pb2.Channel, choice.channel),
            enabled=choice.enabled,
        )
        for choice in wanted.choices
    ]
    preferences = recipient_pb2.Preferences(
        user_id=wanted.user_id,
        choices=choices,
        time_zone=wanted.time_zone,
        quiet_from=wanted.quiet_from,
        quiet_until=wanted.quiet_until,
    )
    request = pb.UpdatePreferencesRequest(preferences=preferences)
    return Call(RecipientServiceStub, "UpdatePreferences", request, read.preferences)


def list_suppressions(user_id: str, page_size: int = 0) -> Call[Page[Suppression]]:
    """ListSuppressions, first page."""
    request = pb.ListSuppressionsRequest(user_id=user_id, page_size=page_size)
    return page(RecipientServiceStub, "ListSuppressions", request, "suppressions", read.suppression)


def create_suppression(
    user_id: str,
    channel: Channel | str | None = None,
    address: str = "",
    *,
    category: str = "",
    reason: SuppressionReason | str | None = None,
) -> Call[Suppression]:
    """CreateSuppression."""
    suppression = recipient_pb2.Suppression(
        user_id=user_id,
        channel=number(Channel, enums_pb2.Channel, channel),
        address=address,
        category=category,
        reason=number(SuppressionReason, recipient_pb2.Suppression.Reason, reason),
    )
    request = pb.CreateSuppressionRequest(suppression=suppression)
    return Call(RecipientServiceStub, "CreateSuppression", request, read.suppression)


def delete_suppression(user_id: str, suppression_id: str) -> Call[None]:
    """DeleteSuppression."""
    request = pb.DeleteSuppressionRequest(user_id=user_id, suppression_id=suppression_id)
    return Call(RecipientServiceStub, "DeleteSuppression", request, lambda _empty: None)


def list_device_tokens(user_id: str) -> Call[tuple[DeviceToken, ...]]:
    """ListDeviceTokens."""
    request = pb.ListDeviceTokensRequest(user_id=user_id)
    return Call(
        RecipientServiceStub,
        "ListDeviceTokens",
        request,
        lambda answer: tuple(read.device_token(one) for one in answer.device_tokens),
    )


def register_device_token(
    user_id: str, token: str, label: str = "", kind: DeviceKind | str | None = None
) -> Call[DeviceToken]:
    """RegisterDeviceToken."""
    device_token = recipient_pb2.DeviceToken(
        user_id=user_id, token=token, label=label, kind=number(DeviceKind, recipient_pb2.DeviceToken.Kind, kind)
    )
    request = pb.RegisterDeviceTokenRequest(device_token=device_token)
    return Call(RecipientServiceStub, "RegisterDeviceToken", request, read.device_token)


def delete_device_token(user_id: str, device_token_id: str) -> Call[None]:
    """DeleteDeviceToken."""
    request = pb.DeleteDeviceTokenRequest(user_id=user_id, device_token_id=device_token_id)
    return Call(RecipientServiceStub, "DeleteDeviceToken", request, lambda _empty: None)
