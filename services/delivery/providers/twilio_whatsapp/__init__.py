"""WhatsApp by Twilio."""

from __future__ import annotations

from services.delivery.providers.base.entry import Entry, Lookalike
from services.delivery.providers.base.receiver import Receiver
from services.delivery.providers.twilio.settings import TWILIO_URL
from services.delivery.providers.twilio_whatsapp.settings import TwilioWhatsappSettings
from services.delivery.rules.provider import Provider
from shared.clock import Clock


class TwilioWhatsapp(Entry[TwilioWhatsappSettings]):
    """One account's Messages API, as that for SMS, with addresses of WhatsApp."""

    name = "twilio_whatsapp"
    settings = TwilioWhatsappSettings
    lookalike = Lookalike(
        {
            "PULSE_TWILIO_WHATSAPP_BASE_URL": "{url}",
            "PULSE_TWILIO_WHATSAPP_ACCOUNT_SID": "AC00000000000000000000000000000000",
            "PULSE_TWILIO_WHATSAPP_AUTH_TOKEN": "development",
            "PULSE_TWILIO_WHATSAPP_FROM": "+14155238886",
        },
        (
            "PULSE_TWILIO_WHATSAPP_BASE_URL",
            "PULSE_TWILIO_WHATSAPP_ACCOUNT_SID",
            "PULSE_TWILIO_WHATSAPP_AUTH_TOKEN",
        ),
    )

    def channel(self, settings: TwilioWhatsappSettings) -> str:
        return "WHATSAPP"

    def url(self, settings: TwilioWhatsappSettings) -> str:
        return (settings.twilio_whatsapp_base_url or TWILIO_URL) if settings.twilio_whatsapp_account_sid else ""

    def build(self, settings: TwilioWhatsappSettings, clock: Clock) -> Provider:
        from services.delivery.providers.twilio_whatsapp.provider import TwilioWhatsappProvider

        return TwilioWhatsappProvider.of(settings, clock)

    def receiver(self, settings: TwilioWhatsappSettings, clock: Clock) -> Receiver:
        from services.delivery.providers.twilio.callbacks import StatusCallbacks
        from services.delivery.providers.twilio.message_price import MessagePrices

        account = settings.twilio_whatsapp_account_sid
        token = settings.twilio_whatsapp_auth_token.get_secret_value()
        url = settings.twilio_whatsapp_base_url or TWILIO_URL
        asked = account and settings.twilio_whatsapp_prices
        prices = MessagePrices(account, token, url, "WHATSAPP") if asked else None
        return StatusCallbacks(settings.public_url, token, self.name, prices)
