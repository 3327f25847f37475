"""Email by Amazon SES."""

from __future__ import annotations

from services.delivery.providers.aws.settings import LOOKALIKE_KEYS, region_url
from services.delivery.providers.base.entry import Entry, Lookalike
from services.delivery.providers.base.receiver import Receiver
from services.delivery.providers.ses.settings import SesSettings
from services.delivery.rules.provider import Provider
from shared.clock import Clock


class Ses(Entry[SesSettings]):
    """SES in the region that is configured."""

    name = "ses"
    settings = SesSettings
    lookalike = Lookalike(
        {"PULSE_SES_REGION": "eu-west-1", "PULSE_SES_BASE_URL": "{url}", **LOOKALIKE_KEYS},
        ("PULSE_SES_REGION", "PULSE_SES_BASE_URL", *LOOKALIKE_KEYS),
    )

    def channel(self, settings: SesSettings) -> str:
        return "EMAIL"

    def url(self, settings: SesSettings) -> str:
        return (settings.ses_base_url or region_url("email", settings.ses_region)) if settings.ses_region else ""

    def build(self, settings: SesSettings, clock: Clock) -> Provider:
        from services.delivery.providers.ses.provider import SesProvider  # boto3 takes 25 MB: only for those who use it

        return SesProvider.from_settings(settings, clock)

    def receiver(self, settings: SesSettings, clock: Clock) -> Receiver:
        from services.delivery.providers.ses.events import SesEvents

        return SesEvents.from_settings(settings, clock)
