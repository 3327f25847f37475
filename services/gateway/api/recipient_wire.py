"""What is given of recipients, as the ledger is to keep it: rules kept, nothing in it that Pulse makes itself."""

from __future__ import annotations

from pulse.common.v1 import recipient_pb2
from services.gateway import wire
from services.gateway.rules.addresses import Addresses
from services.gateway.rules.nul import refuse_nul
from shared import preference_rules
from shared.channel.device_kinds import DeviceKind
from shared.channel.table import Address


def preferences(given: recipient_pb2.Preferences) -> recipient_pb2.Preferences:
    """Raises INVALID_ARGUMENT for a time zone, quiet hours or choices that cannot be."""
    preference_rules.check_time_zone(given.time_zone)
    preference_rules.check_quiet_hours(given.quiet_from, given.quiet_until)
    preference_rules.check_choices([(choice.category, choice.channel) for choice in given.choices])
    return recipient_pb2.Preferences(
        user_id=given.user_id,
        choices=given.choices,
        time_zone=given.time_zone,
        quiet_from=given.quiet_from,
        quiet_until=given.quiet_until,
    )


def suppression(given: recipient_pb2.Suppression, addresses: Addresses) -> recipient_pb2.Suppression:
    """Raises INVALID_ARGUMENT if it stops nothing, or for an address that cannot be."""
    preference_rules.check_suppression(given.channel, given.address)
    address = given.address
    if address:
        channel = wire.channel(given.channel, "suppression.channel") if given.channel else None
        kind = channel.facts.address if channel else Address.looks_like(address)
        address = addresses.normalise(kind, address, "suppression.address")
    return recipient_pb2.Suppression(
        user_id=given.user_id,
        channel=given.channel,
        address=address,
        category=given.category,
        reason=given.reason or recipient_pb2.Suppression.MANUAL,
    )


def device_token(given: recipient_pb2.DeviceToken, addresses: Addresses) -> recipient_pb2.DeviceToken:
    """Raises INVALID_ARGUMENT for a token or label that cannot be."""
    refuse_nul("device_token.label", "LABEL_NUL", given.label)
    kind = given.kind or recipient_pb2.DeviceToken.FCM
    named = DeviceKind.named(recipient_pb2.DeviceToken.Kind.Name(kind)) or DeviceKind.FCM
    return recipient_pb2.DeviceToken(
        user_id=given.user_id,
        token=addresses.device(named, given.token, "device_token.token"),
        label=given.label,
        kind=kind,
    )
