"""Any channel, by a signed webhook to a program of the operator's own."""

from __future__ import annotations

from services.delivery.providers.base.entry import Entry, Lookalike
from services.delivery.providers.webhook.settings import WebhookSettings
from services.delivery.rules.provider import Provider
from shared.clock import Clock


class Webhook(Entry[WebhookSettings]):
    """One program, under the channel that is configured."""

    name = "webhook"
    settings = WebhookSettings
    lookalike = Lookalike(
        {"PULSE_WEBHOOK_URL": "{url}/webhook", "PULSE_WEBHOOK_SECRET": "whsec_ZGV2ZWxvcG1lbnQgZGV2ZWxvcG1lbnQh"},
        ("PULSE_WEBHOOK_URL", "PULSE_WEBHOOK_SECRET"),
    )

    def channel(self, settings: WebhookSettings) -> str:
        return settings.webhook_channel

    def url(self, settings: WebhookSettings) -> str:
        return settings.webhook_url

    def build(self, settings: WebhookSettings, clock: Clock) -> Provider:
        from services.delivery.providers.webhook.provider import WebhookProvider

        return WebhookProvider.from_settings(settings, clock)
