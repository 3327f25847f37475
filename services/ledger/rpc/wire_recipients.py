"""Protobuf to what is known of recipients, and back."""

from __future__ import annotations

from pulse.common.v1 import recipient_pb2
from services.ledger.rpc.wire_enums import channel_asked, channel_needed, wanted
from services.ledger.rules.recipients import Choice, Device, Preferences, Reason, Suppression
from shared import preference_rules
from shared.channel.device_kinds import DeviceKind
from shared.channel.numbers import number_of
from shared.times import to_timestamp

_FROM_REASON = {recipient_pb2.Suppression.Reason.Value(one.value): one for one in Reason.known()}
_TO_KIND = {one.value: recipient_pb2.DeviceToken.Kind.Value(one.value) for one in DeviceKind}
_FROM_KIND: dict[int, DeviceKind] = {_TO_KIND[one.value]: one for one in DeviceKind}
_TO_REASON = {one: value for value, one in _FROM_REASON.items()}


def preferences(user_id: str, found: Preferences) -> recipient_pb2.Preferences:
    """As callers see them."""
    choices = [
        recipient_pb2.Preferences.Choice(category=one.category, channel=number_of(one.channel), enabled=one.enabled)
        for one in found.choices
    ]
    return recipient_pb2.Preferences(
        user_id=user_id,
        choices=choices,
        time_zone=found.time_zone,
        quiet_from=found.quiet_from,
        quiet_until=found.quiet_until,
        update_time=to_timestamp(found.updated_at),
    )


def preferences_of(message: recipient_pb2.Preferences) -> Preferences:
    """Preferences to store. Raises INVALID_ARGUMENT for an unknown zone, half of quiet hours, a choice made twice."""
    preference_rules.check_time_zone(message.time_zone)
    preference_rules.check_quiet_hours(message.quiet_from, message.quiet_until)
    preference_rules.check_choices([(one.category, one.channel) for one in message.choices])
    choices = [
        Choice(one.category, channel_needed(one.channel, f"preferences.choices[{place}].channel"), one.enabled)
        for place, one in enumerate(message.choices)
    ]
    return Preferences(choices, message.time_zone, message.quiet_from, message.quiet_until)


def suppression(user_id: str, found: Suppression) -> recipient_pb2.Suppression:
    """As callers see it."""
    return recipient_pb2.Suppression(
        suppression_id=found.suppression_id,
        user_id=user_id,
        channel=number_of(found.channel),
        address=found.address,
        category=found.category,
        reason=_TO_REASON.get(found.reason, recipient_pb2.Suppression.REASON_UNSPECIFIED),
        create_time=to_timestamp(found.created_at),
    )


def suppression_of(message: recipient_pb2.Suppression) -> Suppression:
    """A suppression to store, MANUAL if it does not say why. Raises INVALID_ARGUMENT for one of everything."""
    preference_rules.check_suppression(message.channel, message.address)
    channel = channel_asked(message.channel, "suppression.channel")
    return Suppression(channel, message.address, message.category, _FROM_REASON.get(message.reason, Reason.MANUAL))


def device(found: Device) -> recipient_pb2.DeviceToken:
    """As callers see it."""
    return recipient_pb2.DeviceToken(
        device_token_id=found.device_token_id,
        user_id=found.user_id,
        token=found.token,
        label=found.label,
        update_time=to_timestamp(found.updated_at),
        kind=_TO_KIND.get(found.kind, recipient_pb2.DeviceToken.KIND_UNSPECIFIED),
    )


def kind_of(message: recipient_pb2.DeviceToken) -> DeviceKind:
    """FCM where nothing is said. Raises INVALID_ARGUMENT for a kind that is newer than this release."""
    return wanted(_FROM_KIND, message.kind, "device_token.kind") or DeviceKind.FCM
