"""SMS by Amazon SNS; and what SNS brings of SES's events."""

from __future__ import annotations

from services.delivery.providers.aws.settings import LOOKALIKE_KEYS, region_url
from services.delivery.providers.base.entry import Entry, Lookalike
from services.delivery.providers.sns.settings import SnsSettings
from services.delivery.rules.provider import Provider
from shared.clock import Clock


class Sns(Entry[SnsSettings]):
    """SNS in the region that is configured."""

    name = "sns"
    settings = SnsSettings
    lookalike = Lookalike(
        {"PULSE_SNS_REGION": "eu-west-1", "PULSE_SNS_BASE_URL": "{url}", **LOOKALIKE_KEYS},
        ("PULSE_SNS_REGION", "PULSE_SNS_BASE_URL", *LOOKALIKE_KEYS),
    )

    def channel(self, settings: SnsSettings) -> str:
        return "SMS"

    def url(self, settings: SnsSettings) -> str:
        return (settings.sns_base_url or region_url("sns", settings.sns_region)) if settings.sns_region else ""

    def build(self, settings: SnsSettings, clock: Clock) -> Provider:
        from services.delivery.providers.sns.provider import SnsProvider  # boto3 takes 25 MB: only for those who use it

        return SnsProvider.from_settings(settings, clock)
