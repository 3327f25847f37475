"""Push to Apple's devices by Apple's own service."""

from __future__ import annotations

from services.delivery.providers.apns.settings import APNS_URLS, ApnsSettings
from services.delivery.providers.base.entry import Entry, Lookalike
from services.delivery.rules.provider import Provider
from shared.clock import Clock


class Apns(Entry[ApnsSettings]):
    """One app, by the signing key of one team."""

    name = "apns"
    settings = ApnsSettings
    lookalike = Lookalike(
        {"PULSE_APNS_BASE_URL": "{url}"},
        ("PULSE_APNS_BASE_URL", "PULSE_APNS_KEY_FILE", "PULSE_APNS_KEY_ID", "PULSE_APNS_TEAM_ID", "PULSE_APNS_TOPIC"),
    )

    def channel(self, settings: ApnsSettings) -> str:
        return "PUSH"

    def url(self, settings: ApnsSettings) -> str:
        configured = settings.apns_key_file or settings.apns_base_url
        return (settings.apns_base_url or APNS_URLS[settings.apns_environment]) if configured else ""

    def build(self, settings: ApnsSettings, clock: Clock) -> Provider:
        from services.delivery.providers.apns.provider import ApnsProvider

        return ApnsProvider.from_settings(settings, clock)
