"""A push service of browsers, and the browsers that subscribed there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from starlette.routing import Route

from services.sandbox.faults import Answers, Status
from services.sandbox.providers.lookalike import Lookalike, Parts
from services.sandbox.providers.webpush.api import PROVIDER, PushService


class Webpush(Lookalike):
    """Takes pushes for any subscription that it gave out."""

    serves: ClassVar = {PROVIDER: Answers(Status(413), Status(401))}

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._service = PushService(parts.receipts, parts.faults)

    def routes(self) -> Sequence[Route]:
        return (
            Route("/webpush/subscriptions/{name}", self._service.subscribe, methods=["GET"]),
            Route("/webpush/{name}", self._service.push, methods=["POST"]),
            Route("/webpush/{name}/{key}", self._service.push, methods=["POST"]),
        )
