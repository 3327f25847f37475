"""Amazon SES and SNS: together, as SNS brings SES's events."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sandbox.faults import Answers, Status
from services.sandbox.providers.aws import ses, sns
from services.sandbox.providers.aws.sns_signature import SnsSigner
from services.sandbox.providers.aws.sns_topics import SnsTopics
from services.sandbox.providers.lookalike import Lookalike, Parts


class Aws(Lookalike):
    """Both at the addresses of the one sandbox; SNS at its root, as it is at Amazon."""

    serves: ClassVar = {
        ses.PROVIDER: Answers(Status("MessageRejected"), Status("AccessDeniedException"), frozenset(ses.ERRORS)),
        sns.PROVIDER: Answers(Status("InvalidParameter"), Status("AuthorizationError"), frozenset(sns.ERRORS)),
    }

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        signer = SnsSigner()
        self._topics = SnsTopics(signer, parts.delay_s)
        self._ses = ses.Ses(parts.receipts, parts.faults, self._topics)
        self._sns = sns.Sns(parts.receipts, parts.faults, self._topics, signer)

    def routes(self) -> Sequence[Route]:
        return (
            Route("/v2/email/outbound-emails", self._ses.send_email, methods=["POST"]),
            Route("/", self._sns.act, methods=["POST"]),
            Route("/SimpleNotificationService-{fingerprint}.pem", self._sns.certificate, methods=["GET"]),
        )

    def at_home(self, request: Request) -> Awaitable[Response] | None:
        """SNS's confirmations are opened there."""
        return self._sns.confirm(request) if "Action" in request.query_params else None

    async def stop(self) -> None:
        await self._topics.close()
