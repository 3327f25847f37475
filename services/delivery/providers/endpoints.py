"""Where the configured providers listen: what a reachability check needs, without their SDKs."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from services.delivery.config import DeliverySettings

TWILIO_URL = "https://api.twilio.com"
FCM_URL = "https://fcm.googleapis.com"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One provider's address."""

    name: str
    channel: str  # EMAIL, SMS or PUSH
    host: str
    port: int


def configured(settings: DeliverySettings) -> list[Endpoint]:
    """By channel, in the order EMAIL, SMS, PUSH."""
    endpoints = []
    if settings.smtp_host:
        endpoints.append(Endpoint("smtp", "EMAIL", settings.smtp_host, settings.smtp_port))
    if settings.twilio_account_sid:
        endpoints.append(_of_url("twilio", "SMS", settings.twilio_base_url or TWILIO_URL))
    if settings.fcm_credentials_file or settings.fcm_base_url:
        endpoints.append(_of_url("fcm", "PUSH", settings.fcm_base_url or FCM_URL))
    return endpoints


def _of_url(name: str, channel: str, url: str) -> Endpoint:
    parts = urlsplit(url)
    return Endpoint(name, channel, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
