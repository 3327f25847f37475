"""The link in an email by which its recipient unsubscribes."""

from __future__ import annotations

from typing import Self

from services.delivery.claim import Claim
from services.delivery.config import DeliverySettings
from shared.unsubscribe import KeyRing, Subscription

#: A line of a header has at most 998 characters (RFC 5322, section 2.1.1), and a link cannot be folded.
LONGEST_LINK = 900


class UnsubscribeLinks:
    """Makes links under Pulse's public address; none without that address or a key."""

    def __init__(self, keys: KeyRing, public_url: str) -> None:
        self._keys = keys
        self._public_url = public_url.rstrip("/")

    @classmethod
    def from_settings(cls, settings: DeliverySettings) -> Self:
        """The settings have checked the key."""
        return cls(KeyRing.parse(settings.unsubscribe_key.get_secret_value()), settings.public_url)

    def of(self, claim: Claim) -> str:
        """The link of a claimed email; empty for another channel, or for what cannot be unsubscribed from."""
        if not (self._keys and self._public_url and claim.unsubscribable and claim.channel == "EMAIL"):
            return ""
        subscription = Subscription(claim.tenant_id, claim.user_id, claim.category, claim.channel)
        link = f"{self._public_url}/unsubscribe/{self._keys.sign(subscription)}"
        return link if len(link) <= LONGEST_LINK and link.isascii() else ""
