"""Firebase Cloud Messaging, with the token endpoint that its library asks first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from starlette.routing import Route

from services.sandbox.faults import Answers, Status
from services.sandbox.providers.fcm.api import PROVIDER, Fcm
from services.sandbox.providers.fcm.fcm_errors import ERRORS
from services.sandbox.providers.fcm.oauth import TokenEndpoint
from services.sandbox.providers.lookalike import Lookalike, Parts


class Firebase(Lookalike):
    """Any one project."""

    serves: ClassVar = {
        PROVIDER: Answers(Status("INVALID_ARGUMENT"), Status("THIRD_PARTY_AUTH_ERROR"), frozenset(ERRORS))
    }

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._tokens = TokenEndpoint()
        self._api = Fcm(parts.receipts, parts.faults, self._tokens)

    def routes(self) -> Sequence[Route]:
        return (
            Route("/v1/projects/{project}/messages:send", self._api.send, methods=["POST"]),
            Route("/token", self._tokens.token, methods=["POST"]),
        )
