"""The providers that Pulse knows, one line each. What each is stands in its folder; CONTRIBUTING.md: how to add one."""

from __future__ import annotations

from typing import Any

from services.delivery.providers.apns import Apns
from services.delivery.providers.apprise import Apprise
from services.delivery.providers.base.destinations import Destinations
from services.delivery.providers.base.entry import Endpoint, Entry
from services.delivery.providers.base.receiver import Receiver
from services.delivery.providers.base.settings import ProviderSettings
from services.delivery.providers.fcm import Fcm
from services.delivery.providers.ses import Ses
from services.delivery.providers.smtp import Smtp
from services.delivery.providers.sns import Sns
from services.delivery.providers.twilio import Twilio
from services.delivery.providers.twilio_whatsapp import TwilioWhatsapp
from services.delivery.providers.webhook import Webhook
from services.delivery.providers.webpush import Webpush
from services.delivery.rules.provider import Provider
from shared.channel.table import Channel
from shared.clock import Clock
from shared.config import joined

PROVIDERS: tuple[Entry[Any], ...] = (
    Smtp(),
    Ses(),
    Twilio(),
    Sns(),
    Fcm(),
    Apns(),
    Webpush(),
    TwilioWhatsapp(),
    Apprise(),
    Webhook(),
)

BY_NAME = {entry.name: entry for entry in PROVIDERS}


def build(settings: ProviderSettings, clock: Clock) -> dict[str, Provider]:
    """All configured providers by name; connects to nothing yet."""
    return {entry.name: entry.build(settings, clock) for entry in PROVIDERS if entry.url(settings)}


def endpoints(settings: ProviderSettings) -> list[Endpoint]:
    """Where the configured ones listen: by channel, in the order of their table; within one as they are listed."""
    found = [endpoint for entry in PROVIDERS if (endpoint := entry.endpoint(settings))]
    order = [channel.value for channel in Channel]
    return sorted(found, key=lambda endpoint: order.index(endpoint.channel))


def receivers(settings: ProviderSettings, clock: Clock) -> dict[str, Receiver]:
    """Those that take what providers report, by the provider's name; whether it sends or not: reports come later."""
    found = {entry.name: entry.receiver(settings, clock) for entry in PROVIDERS}
    return {name: receiver for name, receiver in found.items() if receiver is not None}


def settings_of_all() -> type[ProviderSettings]:
    """One class that has every provider's settings."""
    return joined("ProvidersSettings", ProviderSettings, (entry.settings for entry in PROVIDERS))


def destinations(settings: ProviderSettings) -> Destinations | None:
    """Takes in where notifications may go; None: no configured provider has destinations."""
    return next((found for entry in PROVIDERS if (found := entry.destinations(settings)) is not None), None)
