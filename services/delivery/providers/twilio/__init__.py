"""SMS by Twilio."""

from __future__ import annotations

from services.delivery.providers.base.entry import Entry, Lookalike
from services.delivery.providers.base.receiver import Receiver
from services.delivery.providers.twilio.settings import TWILIO_URL, TwilioSettings
from services.delivery.rules.provider import Provider
from shared.clock import Clock


class Twilio(Entry[TwilioSettings]):
    """One account's Messages API."""

    name = "twilio"
    settings = TwilioSettings
    lookalike = Lookalike(
        {
            "PULSE_TWILIO_BASE_URL": "{url}",
            "PULSE_TWILIO_ACCOUNT_SID": "AC00000000000000000000000000000000",
            "PULSE_TWILIO_AUTH_TOKEN": "development",
            "PULSE_TWILIO_FROM": "+15005550006",
        },
        ("PULSE_TWILIO_BASE_URL", "PULSE_TWILIO_ACCOUNT_SID", "PULSE_TWILIO_AUTH_TOKEN"),
    )

    def channel(self, settings: TwilioSettings) -> str:
        return "SMS"

    def url(self, settings: TwilioSettings) -> str:
        return (settings.twilio_base_url or TWILIO_URL) if settings.twilio_account_sid else ""

    def build(self, settings: TwilioSettings, clock: Clock) -> Provider:
        from services.delivery.providers.twilio.provider import TwilioProvider

        return TwilioProvider.from_settings(settings, clock)

    def receiver(self, settings: TwilioSettings, clock: Clock) -> Receiver:
        from services.delivery.providers.twilio.callbacks import StatusCallbacks
        from services.delivery.providers.twilio.message_price import MessagePrices

        account, token = settings.twilio_account_sid, settings.twilio_auth_token.get_secret_value()
        url = settings.twilio_base_url or TWILIO_URL
        prices = MessagePrices(account, token, url, "SMS") if account and settings.twilio_prices else None
        return StatusCallbacks(settings.public_url, token, prices=prices)
