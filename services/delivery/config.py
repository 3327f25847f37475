"""Settings of the delivery workers and the delivery service."""

from __future__ import annotations

from email.utils import getaddresses
from typing import ClassVar, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from shared.config import Settings

#: Time that must be left between a provider's answer and the lease's end, to settle what it said, s.
SETTLE_SECONDS = 2.0


class DeliverySettings(Settings):
    """What ``services.delivery`` reads from the environment, each key behind ``PULSE_``."""

    owns: ClassVar[tuple[str, ...]] = ("DELIVERY_", "WORKER_", "SMTP_", "TWILIO_", "FCM_", "PUBLIC_")

    public_url: str = Field(
        "", pattern="^(https?://[^/?#]+.*)?$", description="Pulse's own address, for providers' callbacks; empty: none"
    )

    delivery_lease_seconds: float = Field(12.0, gt=0, le=600, description="how long a worker holds a claim, s")
    delivery_call_seconds: float = Field(5.0, gt=0, le=300, description="longest provider call, s")
    delivery_stall_seconds: float = Field(
        2.0, gt=0, le=60, description="a provider that ends no call for so long has its waiting ones handed back, s"
    )
    delivery_probe_seconds: float = Field(5.0, gt=0, le=300, description="how long a reachability check is believed, s")

    worker_tasks: int = Field(4, ge=1, le=64, description="Celery tasks handled at once by one worker")
    worker_high_in_flight: int = Field(256, ge=1, le=10_000, description="claims in hand at the most, HIGH worker")
    worker_low_in_flight: int = Field(1024, ge=1, le=10_000, description="claims in hand at the most, LOW worker")
    worker_templates: int = Field(512, ge=1, le=100_000, description="compiled templates kept in memory")

    smtp_host: str = Field("", description="mail server; empty: no email")
    smtp_port: int = Field(587, ge=1, le=65535, description="its port")
    smtp_username: str = Field("", description="user to log in as; empty: no login")
    smtp_password: SecretStr = Field(SecretStr(""), description="that user's password")
    smtp_tls: str = Field("none", pattern="^(none|starttls|implicit)$", description="how the connection is encrypted")
    smtp_ca_file: str = Field("", description="PEM file of certificate authorities to trust; empty: the system's")
    smtp_from: str = Field("Pulse <pulse@localhost>", min_length=3, description="From of every email, one address")
    smtp_connections: int = Field(16, ge=1, le=500, description="connections to the mail server at once")
    smtp_emails_per_connection: int = Field(1000, ge=1, description="emails after which a connection is renewed")

    twilio_account_sid: str = Field("", description="Twilio account; empty: no SMS")
    twilio_auth_token: SecretStr = Field(SecretStr(""), description="its auth token; also verifies callbacks")
    twilio_from: str = Field("", description="sender: a number in E.164, a short code or an alphanumeric id")
    twilio_base_url: str = Field("", description="replaces https://api.twilio.com, for a look-alike")
    twilio_connections: int = Field(16, ge=1, le=500, description="calls to Twilio at once")

    fcm_project_id: str = Field("", description="Firebase project; empty: the one that the credentials name")
    fcm_credentials_file: str = Field("", description="service account's JSON key file")
    fcm_base_url: str = Field("", description="replaces https://fcm.googleapis.com with a look-alike, no key needed")
    fcm_connections: int = Field(16, ge=1, le=500, description="calls to FCM at once")

    @model_validator(mode="after")
    def _lease_outlasts_a_call(self) -> Self:
        if self.delivery_lease_seconds < self.delivery_call_seconds + SETTLE_SECONDS:
            raise ValueError(
                f"PULSE_DELIVERY_LEASE_SECONDS={self.delivery_lease_seconds:g} is too short: it must be at least "
                f"{SETTLE_SECONDS:g} s longer than PULSE_DELIVERY_CALL_SECONDS={self.delivery_call_seconds:g}"
            )
        return self

    @model_validator(mode="after")
    def _providers_are_complete(self) -> Self:
        if bool(self.smtp_username) != bool(self.smtp_password.get_secret_value()):
            raise ValueError("PULSE_SMTP_USERNAME and PULSE_SMTP_PASSWORD are set together or not at all")
        if self.smtp_username and self.smtp_tls == "none" and self.env == "production":
            raise ValueError("PULSE_SMTP_TLS=none would send PULSE_SMTP_PASSWORD in the clear")
        if self.twilio_account_sid and not (self.twilio_auth_token.get_secret_value() and self.twilio_from):
            raise ValueError("PULSE_TWILIO_ACCOUNT_SID also needs PULSE_TWILIO_AUTH_TOKEN and PULSE_TWILIO_FROM")
        _check_sender(self.smtp_from)
        for key in ("public_url", "twilio_base_url", "fcm_base_url"):
            if getattr(self, key) and not urlsplit(getattr(self, key)).hostname:
                raise ValueError(f"PULSE_{key.upper()} must be an address such as https://host")
        return self


def _check_sender(text: str) -> None:
    addresses = getaddresses([text])
    if len(addresses) != 1 or "@" not in addresses[0][1]:
        raise ValueError("PULSE_SMTP_FROM must be one address, such as Pulse <pulse@example.org>")
