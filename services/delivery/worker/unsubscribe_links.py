"""The link in an email by which its recipient unsubscribes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from services.delivery.config import DeliverySettings
from services.delivery.providers.mail.mail_headers import LONGEST_PLAIN
from services.delivery.rules.claim import ClaimedNotification
from shared import unsubscribe
from shared.channel.table import Address, Channel
from shared.observe.logs import logger
from shared.signing import KeyRing
from shared.unsubscribe import Subscription

#: Characters of a link at the most: it cannot be folded (RFC 2369, section 2), and stands in brackets.
LONGEST_LINK = LONGEST_PLAIN - len("List-Unsubscribe<>")
#: Templates whose emails carry no link are told once each, so many of them.
MOST_TOLD = 1000

#: Why an email that could be unsubscribed from carries no link, and what changes that.
NO_CATEGORY, TOO_LONG = "no_category", "too_long"
_HINTS = {
    NO_CATEGORY: "give the template a category: it is what recipients unsubscribe from",
    TOO_LONG: f"a link has at most {LONGEST_LINK} characters; shorten PULSE_PUBLIC_URL or the user ids",
}

log = logger(__name__)


class UnsubscribeLinks:
    """Makes links under Pulse's public address; none without that address or a key.

    ``missed`` is called with the reason for each email that has no link though links are made.
    """

    def __init__(self, keys: KeyRing, public_url: str, missed: Callable[[str], None] = lambda _: None) -> None:
        self._keys = keys
        self._public_url = public_url.rstrip("/")
        self._missed = missed
        self._told: set[tuple[str, str, str]] = set()

    @classmethod
    def from_settings(cls, settings: DeliverySettings, missed: Callable[[str], None]) -> Self:
        """The settings have checked the key; warns of one that can sign nothing."""
        keys = KeyRing.parse(settings.unsubscribe_key.get_secret_value())
        if keys and not settings.public_url:
            log.warning("emails carry no unsubscribe links", hint="PULSE_UNSUBSCRIBE_KEY also needs PULSE_PUBLIC_URL")
        return cls(keys, settings.public_url, missed)

    def of(self, claim: ClaimedNotification) -> str:
        """The link of a claimed email; empty for another channel, or for what cannot be unsubscribed from."""
        channel = Channel.named(claim.channel)
        has_header = channel is not None and channel.facts.address is Address.MAILBOX
        if not (self._keys and self._public_url and has_header):
            return ""
        if not claim.unsubscribable:
            return (
                "" if claim.asked.category else self._none(claim, NO_CATEGORY)
            )  # a critical category is meant to have none
        subscription = Subscription(claim.tenant_id, claim.asked.user_id, claim.asked.category, claim.channel)
        link = f"{self._public_url}/unsubscribe/{unsubscribe.sign(self._keys, subscription)}"
        return link if len(link) <= LONGEST_LINK else self._none(claim, TOO_LONG)

    def _none(self, claim: ClaimedNotification, reason: str) -> str:
        self._missed(reason)
        template = (claim.tenant_id, claim.asked.template_name, reason)
        if template not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(template)
            log.warning(
                "emails of a template carry no unsubscribe link",
                tenant=claim.tenant_id,
                template=claim.asked.template_name,
                reason=reason,
                hint=_HINTS[reason],
            )
        return ""
