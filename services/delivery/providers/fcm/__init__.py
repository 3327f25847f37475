"""Push by Firebase Cloud Messaging."""

from __future__ import annotations

from services.delivery.providers.base.entry import Entry, Lookalike
from services.delivery.providers.fcm.settings import FCM_URL, FcmSettings
from services.delivery.rules.provider import Provider
from shared.clock import Clock


class Fcm(Entry[FcmSettings]):
    """One Firebase project."""

    name = "fcm"
    settings = FcmSettings
    lookalike = Lookalike(
        {"PULSE_FCM_BASE_URL": "{url}"},
        ("PULSE_FCM_BASE_URL", "PULSE_FCM_CREDENTIALS_FILE", "PULSE_FCM_PROJECT_ID"),
    )

    def channel(self, settings: FcmSettings) -> str:
        return "PUSH"

    def url(self, settings: FcmSettings) -> str:
        configured = settings.fcm_credentials_file or settings.fcm_base_url
        return (settings.fcm_base_url or FCM_URL) if configured else ""

    def build(self, settings: FcmSettings, clock: Clock) -> Provider:
        from services.delivery.providers.fcm.provider import FcmProvider

        return FcmProvider.from_settings(settings, clock)
