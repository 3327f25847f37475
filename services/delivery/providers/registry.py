"""The providers that Pulse knows. To add one: write its file, and add its line to :data:`BUILDERS`."""

from __future__ import annotations

from collections.abc import Callable

from services.delivery.config import DeliverySettings
from services.delivery.providers.base.threaded import ThreadedProvider
from services.delivery.providers.fcm import provider as fcm
from services.delivery.providers.smtp import provider as smtp
from services.delivery.providers.twilio import provider as twilio
from services.delivery.providers.webhook import provider as webhook
from services.delivery.rules.provider import Provider
from shared.clock import Clock

#: Makes a provider from the settings, or None if they do not configure it.
Builder = Callable[[DeliverySettings, Clock], Provider | None]


def _smtp(settings: DeliverySettings, clock: Clock) -> Provider | None:
    return ThreadedProvider(smtp.SmtpProvider.from_settings(settings, clock)) if settings.smtp_host else None


def _twilio(settings: DeliverySettings, clock: Clock) -> Provider | None:
    configured = settings.twilio_account_sid
    return ThreadedProvider(twilio.TwilioProvider.from_settings(settings, clock)) if configured else None


def _fcm(settings: DeliverySettings, clock: Clock) -> Provider | None:
    configured = settings.fcm_credentials_file or settings.fcm_base_url
    return ThreadedProvider(fcm.FcmProvider.from_settings(settings, clock)) if configured else None


def _ses(settings: DeliverySettings, clock: Clock) -> Provider | None:
    if not settings.ses_region:
        return None
    from services.delivery.providers.ses.provider import SesProvider  # boto3 takes 25 MB: only for those who use it

    return ThreadedProvider(SesProvider.from_settings(settings, clock))


def _sns(settings: DeliverySettings, clock: Clock) -> Provider | None:
    if not settings.sns_region:
        return None
    from services.delivery.providers.sns.provider import SnsProvider  # as above

    return ThreadedProvider(SnsProvider.from_settings(settings, clock))


def _webhook(settings: DeliverySettings, clock: Clock) -> Provider | None:
    configured = settings.webhook_url
    return ThreadedProvider(webhook.WebhookProvider.from_settings(settings, clock)) if configured else None


BUILDERS: tuple[Builder, ...] = (_smtp, _ses, _twilio, _sns, _fcm, _webhook)


def build(settings: DeliverySettings, clock: Clock) -> dict[str, Provider]:
    """All configured providers by name; connects to nothing yet."""
    built = [builder(settings, clock) for builder in BUILDERS]
    return {provider.name: provider for provider in built if provider is not None}
