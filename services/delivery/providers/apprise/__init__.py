"""Chat services, by webhooks and bots that Apprise knows how to speak to."""

from __future__ import annotations

from services.delivery.providers.apprise.settings import AppriseSettings
from services.delivery.providers.base.destinations import Destinations
from services.delivery.providers.base.entry import Endpoint, Entry, Lookalike
from services.delivery.rules.provider import Provider
from shared.clock import Clock


class Apprise(Entry[AppriseSettings]):
    """Many services, each where a destination leads."""

    name = "apprise"
    settings = AppriseSettings
    lookalike = Lookalike(
        {
            "PULSE_APPRISE_BASE_URL": "{url}/chat",
            "PULSE_APPRISE_KEYS": "ZGV2ZWxvcG1lbnQgZGV2ZWxvcG1lbnQgZGV2ZWxvcG0=",
        },
        ("PULSE_APPRISE_BASE_URL", "PULSE_APPRISE_KEYS"),
    )

    def channel(self, settings: AppriseSettings) -> str:
        return "CHAT"

    def url(self, settings: AppriseSettings) -> str:
        """Where all of them are called that are called at one place; else no place in particular."""
        return (settings.apprise_base_url or "https://") if settings.apprise_keys.get_secret_value() else ""

    def endpoint(self, settings: AppriseSettings) -> Endpoint | None:
        if self.url(settings) and not settings.apprise_base_url:
            return Endpoint(self.name, self.channel(settings), "", 0)
        return super().endpoint(settings)

    def build(self, settings: AppriseSettings, clock: Clock) -> Provider:
        from services.delivery.providers.apprise.provider import AppriseProvider

        return AppriseProvider.from_settings(settings, clock)

    def destinations(self, settings: AppriseSettings) -> Destinations | None:
        if not self.url(settings):
            return None
        from services.delivery.providers.apprise.registering import Registering

        return Registering.from_settings(settings)
