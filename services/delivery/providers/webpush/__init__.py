"""Push to browsers by their own push services: Web Push (RFC 8030, RFC 8291, RFC 8292)."""

from __future__ import annotations

from services.delivery.providers.base.entry import Entry, Lookalike
from services.delivery.providers.webpush.settings import USUAL_SERVICE, WebpushSettings
from services.delivery.rules.provider import Provider
from shared.clock import Clock


class Webpush(Entry[WebpushSettings]):
    """Whatever push services the subscriptions name, by one key pair."""

    name = "webpush"
    settings = WebpushSettings
    lookalike = Lookalike(
        {"PULSE_WEBPUSH_BASE_URL": "{url}"},
        ("PULSE_WEBPUSH_BASE_URL", "PULSE_WEBPUSH_PRIVATE_KEY", "PULSE_WEBPUSH_SUBJECT"),
    )

    def channel(self, settings: WebpushSettings) -> str:
        return "PUSH"

    def url(self, settings: WebpushSettings) -> str:
        configured = settings.webpush_private_key.get_secret_value() or settings.webpush_base_url
        return (settings.webpush_base_url or USUAL_SERVICE) if configured else ""

    def build(self, settings: WebpushSettings, clock: Clock) -> Provider:
        from services.delivery.providers.webpush.provider import WebpushProvider

        return WebpushProvider.from_settings(settings, clock)
