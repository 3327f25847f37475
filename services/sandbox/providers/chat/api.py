"""Chat services: keeps what each of them would take on, and answers as it does."""

from __future__ import annotations

import json
import secrets
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from services.sandbox.faults import Faults
from services.sandbox.http.body import read_body
from services.sandbox.http.faults import answer
from services.sandbox.providers.chat.services import Asked, Message, Service, service_at
from services.sandbox.receipts.log import ReceiptLog
from services.sandbox.receipts.receipt import Receipt

PROVIDER = "apprise"
#: Header by which Pulse tells which notification it is.
ID_HEADER = "x-pulse-notification-id"


class ChatServices:
    """The host that a call was meant for stands first in its path."""

    def __init__(self, receipts: ReceiptLog, faults: Faults) -> None:
        self._receipts = receipts
        self._faults = faults

    async def receive(self, request: Request) -> Response:
        """As the service answers; 404 where none of them listens."""
        path = "/" + request.path_params["path"]
        service = service_at(request.path_params["host"].lower(), path)
        if service is None:
            return Response("no such service", 404)
        try:
            read = json.loads(await read_body(request))
        except (ValueError, RecursionError):
            read = None
        if not isinstance(read, dict):
            return service.refusal(400, None)
        message = service.read(Asked(path, request.method, request.headers, request.query_params, read))
        if isinstance(message, Response):
            return message
        accept = partial(self._accept, service, message, request.headers.get(ID_HEADER, ""), read)
        return await answer(request, self._faults.take(PROVIDER, [message.to]), accept, service.refusal)

    async def _accept(
        self, service: Service, message: Message, notification_id: str, read: dict[str, object]
    ) -> Response:
        provider_id = str(secrets.randbelow(10**15))
        receipt = Receipt(
            "chat",
            PROVIDER,
            message.to,
            message.subject,
            message.body,
            notification_id,
            provider_id,
            data={"service": service.name},
            request=read,
        )
        try:
            await self._receipts.keep(receipt)
        except OSError:
            return service.refusal(500, None)
        return service.taken(provider_id)
