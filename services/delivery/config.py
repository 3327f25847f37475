"""Settings of the delivery workers and the delivery service."""

from __future__ import annotations

import re
from typing import ClassVar, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from services.delivery.providers.mail.mail_addresses import BadAddress, parse_sender
from services.delivery.providers.smtp.hello import is_hello_name
from services.delivery.providers.twilio.senders import is_sender
from services.delivery.rules.breaker import BreakerPolicy
from shared.channel.table import Channel
from shared.config import Settings
from shared.domains import ascii_domain, ascii_url

#: Time that must be left between a provider's answer and the lease's end, to settle what it said, s.
SETTLE_SECONDS = 2.0

TOPIC_ARN = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")
AWS_REGION = "^([a-z]{2,}(-[a-z0-9]+)+)?$"


class DeliverySettings(Settings):
    """What ``services.delivery`` reads from the environment, each key behind ``PULSE_``."""

    owns: ClassVar[tuple[str, ...]] = (
        "DELIVERY_",
        "WORKER_",
        "SMTP_",
        "TWILIO_",
        "FCM_",
        "AWS_",
        "SES_",
        "SNS_",
        "WEBHOOK_",
        "PUBLIC_",
    )

    public_url: str = Field(
        "",
        pattern="^(https?://[^/?#]+.*)?$",
        description="Pulse's own address, for providers' callbacks and links to unsubscribe; empty: none",
    )

    delivery_lease_seconds: float = Field(12.0, gt=0, le=600, description="how long a worker holds a claim, s")
    delivery_call_seconds: float = Field(5.0, gt=0, le=300, description="longest provider call, s")
    delivery_stall_seconds: float = Field(
        2.0, gt=0, le=60, description="a provider that ends no call for so long has its waiting ones handed back, s"
    )
    delivery_probe_seconds: float = Field(5.0, gt=0, le=300, description="how long a reachability check is believed, s")

    delivery_breaker_calls: int = Field(
        50, ge=2, le=10_000, description="calls by which a provider is judged, the last"
    )
    delivery_breaker_window_seconds: float = Field(
        30.0, gt=0, le=3600, description="calls that ended longer ago are not counted, s"
    )
    delivery_breaker_least_calls: int = Field(
        10, ge=1, le=10_000, description="fewer calls than that do not open a provider's breaker"
    )
    delivery_breaker_failure_share: float = Field(
        0.5, gt=0, le=1, description="share of failed calls from which on a provider is not called"
    )
    delivery_breaker_pause_seconds: float = Field(
        5.0, gt=0, le=3600, description="first pause of a failing provider, doubled while it goes on failing, s"
    )
    delivery_breaker_longest_pause_seconds: float = Field(30.0, gt=0, le=86_400, description="its longest pause, s")
    delivery_breaker_probes: int = Field(
        3, ge=1, le=125, description="calls that try a provider after its pause, and have to succeed"
    )

    worker_tasks: int = Field(4, ge=1, le=64, description="Celery tasks handled at once by one worker")
    worker_high_in_flight: int = Field(256, ge=1, le=10_000, description="claims in hand at the most, HIGH worker")
    worker_low_in_flight: int = Field(1024, ge=1, le=10_000, description="claims in hand at the most, LOW worker")
    worker_events: bool = Field(
        False,
        description="tell Celery's monitors of every task, a quarter of a busy HIGH worker's time; in development "
        "Flower switches that on itself",
    )
    worker_low_share: float = Field(
        0.1,
        gt=0,
        le=1,
        description="share of the time in which LOW is claimed while HIGH is under way; 1 where the lanes have "
        "machines, ledgers and a database with room for both",
    )
    worker_templates: int = Field(512, ge=1, le=100_000, description="compiled templates kept in memory")
    worker_templates_mib: int = Field(64, ge=1, le=4096, description="memory for compiled templates, MiB")

    smtp_host: str = Field("", description="mail server; empty: no email")
    smtp_port: int = Field(587, ge=1, le=65535, description="its port")
    smtp_username: str = Field("", description="user to log in as; empty: no login")
    smtp_password: SecretStr = Field(SecretStr(""), description="that user's password")
    smtp_tls: str = Field("none", pattern="^(none|starttls|implicit)$", description="how the connection is encrypted")
    smtp_ca_file: str = Field("", description="PEM file of certificate authorities to trust; empty: the system's")
    smtp_from: str = Field(
        "Pulse <pulse@localhost>",
        min_length=3,
        description="From of every email, one address: Name <mailbox>; the name is any text, not yet encoded",
    )
    smtp_ehlo_name: str = Field(
        "",
        description="name that Pulse gives for itself to the mail server, a whole host name in ASCII or an address "
        "such as [192.0.2.1]; empty: this host's, or the domain of PULSE_SMTP_FROM where that has no dot",
    )
    smtp_connections: int = Field(16, ge=1, le=500, description="connections to the mail server at once")
    smtp_emails_per_connection: int = Field(1000, ge=1, description="emails after which a connection is renewed")

    twilio_account_sid: str = Field("", description="Twilio account; empty: no SMS")
    twilio_auth_token: SecretStr = Field(SecretStr(""), description="its auth token; also verifies callbacks")
    twilio_from: str = Field(
        "",
        description="sender: a number in E.164, a short code, an alphanumeric id or a messaging service (MG…)",
    )
    twilio_base_url: str = Field("", description="replaces https://api.twilio.com, for a look-alike")
    twilio_connections: int = Field(16, ge=1, le=500, description="calls to Twilio at once")

    fcm_project_id: str = Field("", description="Firebase project; empty: the one that the credentials name")
    fcm_credentials_file: str = Field("", description="service account's JSON key file")
    fcm_base_url: str = Field("", description="replaces https://fcm.googleapis.com with a look-alike, no key needed")
    fcm_connections: int = Field(16, ge=1, le=500, description="calls to FCM at once")

    aws_access_key_id: str = Field("", description="for SES and SNS; empty: AWS's own chain (environment, role, …)")
    aws_secret_access_key: SecretStr = Field(SecretStr(""), description="its secret")

    ses_region: str = Field("", pattern=AWS_REGION, description="region of Amazon SES; empty: no email through it")
    ses_from: str = Field("", description="From of its emails, one address; empty: PULSE_SMTP_FROM")
    ses_configuration_set: str = Field("", description="SES configuration set; empty: none")
    ses_base_url: str = Field("", description="replaces the region's address, for a look-alike")
    ses_event_topics: str = Field(
        "", description="ARNs of the SNS topics that bring SES's events, separated by commas; empty: none is taken"
    )
    ses_event_base_url: str = Field(
        "", pattern="^(https?://[^/?#]+/?)?$", description="replaces the address of their SNS, for a look-alike"
    )
    ses_connections: int = Field(16, ge=1, le=500, description="calls to SES at once")

    sns_region: str = Field("", pattern=AWS_REGION, description="region of Amazon SNS; empty: no SMS through it")
    sns_sender_id: str = Field("", pattern="^[A-Za-z0-9]{0,11}$", description="sender shown where countries allow it")
    sns_base_url: str = Field("", description="replaces the region's address, for a look-alike")
    sns_connections: int = Field(16, ge=1, le=500, description="calls to SNS at once")

    webhook_url: str = Field(
        "", pattern="^(https?://.*)?$", description="program that takes notifications over by HTTP; empty: none"
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="whsec_… by Standard Webhooks, signs; several, by commas: all sign"
    )
    webhook_channel: str = Field(
        next(iter(Channel)).value, pattern=f"^({'|'.join(Channel)})$", description="channel it is listed under"
    )
    webhook_connections: int = Field(16, ge=1, le=500, description="calls to it at once")

    def breaker_policy(self) -> BreakerPolicy:
        """When providers' breakers open, and how they find back."""
        return BreakerPolicy(
            calls=self.delivery_breaker_calls,
            window=self.delivery_breaker_window_seconds,
            least_calls=self.delivery_breaker_least_calls,
            failure_share=self.delivery_breaker_failure_share,
            pause=self.delivery_breaker_pause_seconds,
            longest_pause=self.delivery_breaker_longest_pause_seconds,
            probes=self.delivery_breaker_probes,
        )

    def event_topics(self) -> frozenset[str]:
        """The topics whose events of SES are taken, by ARN."""
        return frozenset(filter(None, map(str.strip, self.ses_event_topics.split(","))))

    @field_validator("public_url")
    @classmethod
    def _public_url_in_ascii(cls, url: str) -> str:
        """It stands in headers of emails, and Twilio signs it."""
        url = ascii_url(url)
        if re.search(r"[^!-~]|[<>\"?#]", url):
            raise ValueError("holds a query, a fragment, white space, quotes or brackets: paths are added to it")
        return url

    @field_validator("smtp_host")
    @classmethod
    def _smtp_host_in_ascii(cls, host: str) -> str:
        """Or the standard library would look up another host, by IDNA 2003."""
        return ascii_domain(host)

    @model_validator(mode="after")
    def _events_are_safe(self) -> Self:
        for topic in self.event_topics():
            if TOPIC_ARN.fullmatch(topic) is None:
                raise ValueError(
                    "PULSE_SES_EVENT_TOPICS must name topics such as arn:aws:sns:eu-west-1:123456789012:ses"
                )
        if self.ses_event_base_url.startswith("http://") and self.env == "production":
            raise ValueError("PULSE_SES_EVENT_BASE_URL must begin with https://: anybody could forge certificates")
        return self

    @model_validator(mode="after")
    def _breaker_makes_sense(self) -> Self:
        if self.delivery_breaker_least_calls > self.delivery_breaker_calls:
            raise ValueError("PULSE_DELIVERY_BREAKER_LEAST_CALLS must not be more than PULSE_DELIVERY_BREAKER_CALLS")
        if self.delivery_breaker_longest_pause_seconds < self.delivery_breaker_pause_seconds:
            raise ValueError("PULSE_DELIVERY_BREAKER_LONGEST_PAUSE_SECONDS must not be less than the first pause")
        return self

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
        for key in ("smtp_username", "smtp_password"):
            _check_login(f"PULSE_{key.upper()}", getattr(self, key))
        if self.smtp_ehlo_name and not is_hello_name(self.smtp_ehlo_name):
            raise ValueError("PULSE_SMTP_EHLO_NAME must be a host name in ASCII, mail.example.org say, or [192.0.2.1]")
        if self.smtp_username and self.smtp_tls == "none" and self.env == "production":
            raise ValueError("PULSE_SMTP_TLS=none would send PULSE_SMTP_PASSWORD in the clear")
        if self.twilio_account_sid and not (self.twilio_auth_token.get_secret_value() and self.twilio_from):
            raise ValueError("PULSE_TWILIO_ACCOUNT_SID also needs PULSE_TWILIO_AUTH_TOKEN and PULSE_TWILIO_FROM")
        if self.twilio_from and not is_sender(self.twilio_from):
            raise ValueError(
                "PULSE_TWILIO_FROM must be a number such as +15005550006, a short code of 3 to 8 digits, an id of at "
                "most 11 letters and digits, or a messaging service: MG and 32 hexadecimal digits"
            )
        if bool(self.aws_access_key_id) != bool(self.aws_secret_access_key.get_secret_value()):
            raise ValueError("PULSE_AWS_ACCESS_KEY_ID and PULSE_AWS_SECRET_ACCESS_KEY are set together or not at all")
        _check_sender("PULSE_SMTP_FROM", self.smtp_from)
        if self.ses_from:
            _check_sender("PULSE_SES_FROM", self.ses_from)
        for key in ("public_url", "twilio_base_url", "fcm_base_url", "ses_base_url", "sns_base_url", "webhook_url"):
            if getattr(self, key) and not urlsplit(getattr(self, key)).hostname:
                raise ValueError(f"PULSE_{key.upper()} must be an address such as https://host")
        return self

    @model_validator(mode="after")
    def _webhook_is_safe(self) -> Self:
        if self.webhook_url and not self.webhook_secret.get_secret_value():
            raise ValueError("PULSE_WEBHOOK_URL also needs PULSE_WEBHOOK_SECRET")
        if self.webhook_url.startswith("http://") and self.env == "production":
            raise ValueError("PULSE_WEBHOOK_URL must begin with https://: notifications would travel in the clear")
        return self


def _check_login(key: str, given: str | SecretStr) -> None:
    """UTF-8 without NUL (RFC 4616, section 2): bytes that are no UTF-8 come from the environment as surrogates."""
    text = given.get_secret_value() if isinstance(given, SecretStr) else given
    if re.search("[\0\ud800-\udfff]", text):
        raise ValueError(f"{key} must be UTF-8 without NUL: mail servers take no other bytes")


def _check_sender(key: str, text: str) -> None:
    try:
        parse_sender(text)
    except BadAddress:
        raise ValueError(f"{key} must be one address, such as Pulse <pulse@example.org>") from None
