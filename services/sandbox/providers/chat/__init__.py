"""Chat services: Slack, Discord, Telegram, ntfy and others, each by the host that it is called at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from starlette.routing import Route

from services.sandbox.faults import Answers, Status
from services.sandbox.providers.chat.api import PROVIDER, ChatServices
from services.sandbox.providers.lookalike import Lookalike, Parts


class Chat(Lookalike):
    """All of them, behind ``/chat/<host>``."""

    serves: ClassVar = {PROVIDER: Answers(Status(400), Status(401))}

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._services = ChatServices(parts.receipts, parts.faults)

    def routes(self) -> Sequence[Route]:
        return (Route("/chat/{host}/{path:path}", self._services.receive, methods=["POST", "PUT"]),)
