"""WhatsApp through Twilio's Messages API: https://www.twilio.com/docs/whatsapp/api."""

from __future__ import annotations

import json
from typing import Self

from services.delivery.providers.twilio.provider import TwilioProvider
from services.delivery.providers.twilio.senders import sender_arguments
from services.delivery.providers.twilio.settings import TWILIO_URL
from services.delivery.providers.twilio.validity import validity
from services.delivery.providers.twilio_whatsapp.settings import TwilioWhatsappSettings
from services.delivery.rules.provider import Outcome, Outgoing, permanent
from shared.clock import Clock
from shared.text.channel_bounds import says_nothing

#: What Twilio calls a number at WhatsApp by.
PREFIX = "whatsapp:"


class TwilioWhatsappProvider(TwilioProvider):
    """Sends a content that Twilio holds, or else the text, which WhatsApp takes for 24 hours after the user wrote."""

    name = "twilio_whatsapp"
    channel = "WHATSAPP"

    @classmethod
    def of(cls, settings: TwilioWhatsappSettings, clock: Clock) -> Self:
        """Connects to nothing yet."""
        return cls(
            settings.twilio_whatsapp_account_sid,
            settings.twilio_whatsapp_auth_token.get_secret_value(),
            settings.twilio_whatsapp_from,
            base_url=settings.twilio_whatsapp_base_url or TWILIO_URL,
            public_url=settings.public_url,
            connections=settings.twilio_whatsapp_connections,
            clock=clock,
        )

    def build(self, outgoing: Outgoing) -> dict[str, str] | Outcome:
        """The arguments of the SDK's call."""
        said = outgoing.said.whatsapp
        if not said.content_sid and says_nothing(outgoing.body):
            return permanent("EMPTY_BODY", "a WhatsApp message must say something")
        sender = sender_arguments(self.sender_of(outgoing), PREFIX)
        arguments = {"to": PREFIX + outgoing.to, **sender, **validity(outgoing.ends_at)}
        if not said.content_sid:
            arguments["body"] = outgoing.body
        else:
            arguments["content_sid"] = said.content_sid
            if said.content_variables:
                arguments["content_variables"] = json.dumps(dict(said.content_variables), ensure_ascii=False)
        return self.reported(arguments, outgoing)
