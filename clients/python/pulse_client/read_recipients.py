"""Responses on recipients as the client's own types."""

from __future__ import annotations

from pulse.common.v1 import enums_pb2, recipient_pb2
from pulse_client.enums import Channel, DeviceKind, SuppressionReason
from pulse_client.recipient import Choice, DeviceToken, Preferences, Suppression
from pulse_client.wire import name, time


def preferences(kept: recipient_pb2.Preferences) -> Preferences:
    """From GetPreferences and UpdatePreferences."""
    choices = (Choice(name(Channel, enums_pb2.Channel, c.channel), c.enabled, c.category) for c in kept.choices)
    return Preferences(
        kept.user_id,
        tuple(choices),
        kept.time_zone,
        kept.quiet_from,
        kept.quiet_until,
        time(kept, "update_time"),
    )


def suppression(kept: recipient_pb2.Suppression) -> Suppression:
    """From CreateSuppression and ListSuppressions."""
    return Suppression(
        suppression_id=kept.suppression_id,
        user_id=kept.user_id,
        channel=name(Channel, enums_pb2.Channel, kept.channel),
        address=kept.address,
        category=kept.category,
        reason=name(SuppressionReason, recipient_pb2.Suppression.Reason, kept.reason),
        create_time=time(kept, "create_time"),
    )


def device_token(kept: recipient_pb2.DeviceToken) -> DeviceToken:
    """From RegisterDeviceToken and ListDeviceTokens."""
    kind = name(DeviceKind, recipient_pb2.DeviceToken.Kind, kept.kind)
    return DeviceToken(kept.device_token_id, kept.user_id, kept.token, kept.label, time(kept, "update_time"), kind)
