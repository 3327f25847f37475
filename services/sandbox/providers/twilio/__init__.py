"""Twilio's Messages API, for SMS and WhatsApp."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field, SecretStr
from starlette.routing import Route

from services.sandbox.faults import Answers, Status
from services.sandbox.providers.lookalike import Lookalike, LookalikeSettings, Parts
from services.sandbox.providers.twilio.api import PROVIDER, WHATSAPP_PROVIDER, Twilio
from services.sandbox.providers.twilio.callbacks import StatusCallbacks
from services.sandbox.providers.twilio.twilio_errors import ERRORS


class TwilioAccountSettings(LookalikeSettings):
    """Each key behind ``PULSE_``."""

    sandbox_twilio_auth_token: SecretStr = Field(
        SecretStr(""), description="the only Twilio auth token accepted; empty: any, and it signs its own callbacks"
    )
    sandbox_callbacks: str = Field("off", pattern="^(off|on)$", description="whether Twilio status callbacks are sent")


class TwilioAccount(Lookalike):
    """One account, which tells what became of what it took where that is asked for."""

    serves: ClassVar = {
        PROVIDER: Answers(Status(21612), Status(20003), frozenset(ERRORS)),
        WHATSAPP_PROVIDER: Answers(Status(63016), Status(63007), frozenset(ERRORS)),
    }
    settings = TwilioAccountSettings

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        settings: TwilioAccountSettings = parts.settings
        self._callbacks = StatusCallbacks(parts.delay_s) if settings.sandbox_callbacks == "on" else None
        token = settings.sandbox_twilio_auth_token.get_secret_value()
        self._api = Twilio(parts.receipts, parts.faults, token, self._callbacks)

    def routes(self) -> Sequence[Route]:
        return (
            Route("/2010-04-01/Accounts/{sid}/Messages.json", self._api.create_message, methods=["POST"]),
            Route("/2010-04-01/Accounts/{sid}/Messages/{message}.json", self._api.fetch_message, methods=["GET"]),
        )

    async def stop(self) -> None:
        if self._callbacks is not None:
            await self._callbacks.close()
