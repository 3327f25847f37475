"""Which mail server takes emails, and how."""

from __future__ import annotations

import re
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from services.delivery.providers.mail.settings import MailSettings
from services.delivery.providers.smtp.hello import is_hello_name
from shared.net.domains import ascii_domain


class SmtpSettings(MailSettings):
    """Each key behind ``PULSE_``."""

    smtp_host: str = Field("", description="mail server; empty: no email")
    smtp_port: int = Field(587, ge=1, le=65535, description="its port")
    smtp_username: str = Field("", description="user to log in as; empty: no login")
    smtp_password: SecretStr = Field(SecretStr(""), description="that user's password")
    smtp_tls: str = Field("none", pattern="^(none|starttls|implicit)$", description="how the connection is encrypted")
    smtp_ca_file: str = Field("", description="PEM file of certificate authorities to trust; empty: the system's")
    smtp_ehlo_name: str = Field(
        "",
        description="name that Pulse gives for itself to the mail server, a whole host name in ASCII or an address "
        "such as [192.0.2.1]; empty: this host's, or the domain of PULSE_SMTP_FROM where that has no dot",
    )
    smtp_connections: int = Field(16, ge=1, le=500, description="connections to the mail server at once")
    smtp_emails_per_connection: int = Field(1000, ge=1, description="emails after which a connection is renewed")

    @field_validator("smtp_host")
    @classmethod
    def _smtp_host_in_ascii(cls, host: str) -> str:
        """Or the standard library would look up another host, by IDNA 2003."""
        return ascii_domain(host)

    @model_validator(mode="after")
    def _smtp_is_complete(self) -> Self:
        if bool(self.smtp_username) != bool(self.smtp_password.get_secret_value()):
            raise ValueError("PULSE_SMTP_USERNAME and PULSE_SMTP_PASSWORD are set together or not at all")
        _check_login("PULSE_SMTP_USERNAME", self.smtp_username)
        _check_login("PULSE_SMTP_PASSWORD", self.smtp_password.get_secret_value())
        if self.smtp_ehlo_name and not is_hello_name(self.smtp_ehlo_name):
            raise ValueError("PULSE_SMTP_EHLO_NAME must be a host name in ASCII, mail.example.org say, or [192.0.2.1]")
        if self.smtp_username and self.smtp_tls == "none" and self.env == "production":
            raise ValueError("PULSE_SMTP_TLS=none would send PULSE_SMTP_PASSWORD in the clear")
        return self


def _check_login(key: str, text: str) -> None:
    """UTF-8 without NUL (RFC 4616, section 2): bytes that are no UTF-8 come from the environment as surrogates."""
    if re.search("[\0\ud800-\udfff]", text):
        raise ValueError(f"{key} must be UTF-8 without NUL: mail servers take no other bytes")
