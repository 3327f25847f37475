"""Where the configured providers listen: what a reachability check needs, without their SDKs."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from services.delivery.config import DeliverySettings
from services.delivery.providers.base.outgoing_proxies import proxy_for
from shared.channel.table import Channel

TWILIO_URL = "https://api.twilio.com"
FCM_URL = "https://fcm.googleapis.com"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One provider's address."""

    name: str
    channel: str  # its name in the contract
    host: str
    port: int


def configured(settings: DeliverySettings) -> list[Endpoint]:
    """By channel, in the order of their table; within one as the registry has them."""
    endpoints = []
    if settings.smtp_host:
        endpoints.append(Endpoint("smtp", "EMAIL", settings.smtp_host, settings.smtp_port))
    if settings.ses_region:
        endpoints.append(_of_url("ses", "EMAIL", settings.ses_base_url or _aws_url("email", settings.ses_region)))
    if settings.twilio_account_sid:
        endpoints.append(_of_url("twilio", "SMS", settings.twilio_base_url or TWILIO_URL))
    if settings.sns_region:
        endpoints.append(_of_url("sns", "SMS", settings.sns_base_url or _aws_url("sns", settings.sns_region)))
    if settings.fcm_credentials_file or settings.fcm_base_url:
        endpoints.append(_of_url("fcm", "PUSH", settings.fcm_base_url or FCM_URL))
    if settings.webhook_url:
        endpoints.append(_of_url("webhook", settings.webhook_channel, settings.webhook_url))
    order = [channel.value for channel in Channel]
    return sorted(endpoints, key=lambda endpoint: order.index(endpoint.channel))


def _aws_url(service: str, region: str) -> str:
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{service}.{region}.{domain}"


def _of_url(name: str, channel: str, url: str) -> Endpoint:
    """Where a call goes first: to the proxy, if there is one on the way."""
    parts = urlsplit(proxy_for(url) or url)
    return Endpoint(name, channel, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
