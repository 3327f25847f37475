"""LinkedFileService: the door for recipients of links to files, whose only credential is the link."""

from __future__ import annotations

import asyncio

from google.api import httpbody_pb2

from pulse.gateway.v1 import linked_file_service_pb2 as api
from pulse.gateway.v1 import linked_file_service_pb2_grpc as api_grpc
from services.gateway.door.calls import Context
from services.gateway.rules.pages import linked_file, recipient_page
from services.gateway.sending.attachments import Attachments
from shared import file_links
from shared.clock import Clock
from shared.errors import Code, PulseError
from shared.signing import BadToken, KeyRing, unspoilt

#: Envoy turns these initial metadata into the HTTP status.
_NOT_FOUND, _GONE = ("x-http-code", "404"), ("x-http-code", "410")
#: Files that are fetched at a time, each of 10 MiB at the most: a link may be followed by very many at once.
_AT_A_TIME = 8


class LinkedFileService(api_grpc.LinkedFileServiceServicer):
    """Gives files; what is wrong with a link is told on a page, as people read it and not programs."""

    def __init__(self, attachments: Attachments, keys: KeyRing, clock: Clock) -> None:
        self._attachments = attachments
        self._keys = keys
        self._clock = clock
        self._turns = asyncio.Semaphore(_AT_A_TIME)

    async def DownloadLinkedFile(
        self, request: api.DownloadLinkedFileRequest, context: Context
    ) -> httpbody_pb2.HttpBody:
        try:
            link = file_links.verify(self._keys, unspoilt(request.token))
        except BadToken:
            return await _show(context, linked_file.not_a_link(), _NOT_FOUND)
        if self._clock.now() >= link.ends_at:
            return await _show(context, linked_file.is_over(), _GONE)
        try:
            async with self._turns:
                stored, content = await self._attachments.get(link.tenant_id, link.attachment_id, with_content=True)
        except PulseError as error:
            if error.code is not Code.NOT_FOUND:
                raise
            return await _show(context, linked_file.is_over(), _GONE)
        await context.send_initial_metadata(linked_file.headers(link.filename))
        return httpbody_pb2.HttpBody(content_type=linked_file.content_type(stored.content_type), data=content)


async def _show(context: Context, html: bytes, status: tuple[str, str]) -> httpbody_pb2.HttpBody:
    await context.send_initial_metadata((*recipient_page.headers(), status))
    return httpbody_pb2.HttpBody(content_type="text/html; charset=utf-8", data=html)
