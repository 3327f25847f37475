"""The Apple Push Notification service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import Field, model_validator
from starlette.routing import Route

from services.sandbox.faults import Answers, Status
from services.sandbox.providers.apns.api import PROVIDER, Api
from services.sandbox.providers.apns.apns_errors import STATUSES
from services.sandbox.providers.apns.provider_token import ProviderTokens, known_key, read_public_key
from services.sandbox.providers.lookalike import Lookalike, LookalikeSettings, Parts


class ApnsSettings(LookalikeSettings):
    """Each key behind ``PULSE_``."""

    sandbox_apns_key_file: str = Field(
        "", description="key that pushes by APNs must be signed with, .p8 or its public half; empty: the sandbox's own"
    )

    @model_validator(mode="after")
    def _apns_key_is_one(self) -> Self:
        if self.sandbox_apns_key_file:
            read_public_key(self.sandbox_apns_key_file)
        return self


class Apns(Lookalike):
    """Any one team's, with all of its apps. By HTTP/2 alone, as Apple's."""

    serves: ClassVar = {
        PROVIDER: Answers(Status("PayloadTooLarge"), Status("InvalidProviderToken"), frozenset(STATUSES))
    }
    settings = ApnsSettings

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        settings: ApnsSettings = parts.settings
        file = settings.sandbox_apns_key_file
        self._api = Api(parts.receipts, parts.faults, ProviderTokens(read_public_key(file) if file else known_key()))

    def routes(self) -> Sequence[Route]:
        return (Route("/3/device/{token:path}", self._api.send, methods=["POST"]),)
