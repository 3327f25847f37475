"""Who an SMS by Twilio comes from. Pure: https://www.twilio.com/docs/messaging/api/message-resource."""

from __future__ import annotations

from shared.channel.sender_addresses import is_messaging_service


def sender_arguments(sender: str, prefix: str = "") -> dict[str, str]:
    """The sender as the SDK takes it, ``prefix`` before a number: a messaging service chooses one of its own itself."""
    return {"messaging_service_sid": sender} if is_messaging_service(sender) else {"from_": prefix + sender}
