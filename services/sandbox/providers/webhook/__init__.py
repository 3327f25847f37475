"""A program that takes webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import Field, SecretStr, model_validator
from starlette.routing import Route

from services.sandbox.faults import Answers, Status
from services.sandbox.providers.lookalike import Lookalike, LookalikeSettings, Parts
from services.sandbox.providers.webhook.api import PROVIDER, WebhookReceiver
from services.sandbox.providers.webhook.signature import key_of


class WebhookSettings(LookalikeSettings):
    """Each key behind ``PULSE_``."""

    sandbox_webhook_secret: SecretStr = Field(
        SecretStr(""), description="whsec_… that webhooks must be signed with; empty: any signature will do"
    )

    @model_validator(mode="after")
    def _webhook_secret_is_one(self) -> Self:
        secret = self.sandbox_webhook_secret.get_secret_value()
        if secret:
            key_of(secret)
        return self


class Webhook(Lookalike):
    """A receiver that keeps what is signed."""

    serves: ClassVar = {PROVIDER: Answers(Status(400), Status(401))}
    settings = WebhookSettings

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        settings: WebhookSettings = parts.settings
        secret = settings.sandbox_webhook_secret.get_secret_value()
        self._receiver = WebhookReceiver(parts.receipts, parts.faults, secret)

    def routes(self) -> Sequence[Route]:
        return (Route("/webhook", self._receiver.receive, methods=["POST"]),)
