"""Email by SMTP, to any mail server."""

from __future__ import annotations

from services.delivery.providers.base.entry import Entry, Lookalike
from services.delivery.providers.smtp.settings import SmtpSettings
from services.delivery.rules.provider import Provider
from shared.clock import Clock


class Smtp(Entry[SmtpSettings]):
    """The mail server that is configured."""

    name = "smtp"
    settings = SmtpSettings
    lookalike = Lookalike(
        {"PULSE_SMTP_HOST": "{host}", "PULSE_SMTP_PORT": "{port}"}, ("PULSE_SMTP_HOST", "PULSE_SMTP_PORT")
    )

    def channel(self, settings: SmtpSettings) -> str:
        return "EMAIL"

    def url(self, settings: SmtpSettings) -> str:
        host = f"[{settings.smtp_host}]" if ":" in settings.smtp_host else settings.smtp_host
        return f"smtp://{host}:{settings.smtp_port}" if host else ""

    def build(self, settings: SmtpSettings, clock: Clock) -> Provider:
        from services.delivery.providers.smtp.provider import SmtpProvider

        return SmtpProvider.from_settings(settings, clock)
