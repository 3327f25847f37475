"""AttachmentService: files that notifications name later."""

from __future__ import annotations

from email.message import Message

from google.api import httpbody_pb2

from pulse.common.v1 import attachment_pb2
from pulse.gateway.v1 import attachment_service_pb2 as api
from pulse.gateway.v1 import attachment_service_pb2_grpc as api_grpc
from services.gateway.door.calls import Context, Entry
from services.gateway.rules import attachment_rules as rules
from services.gateway.sending.attachments import Attachments
from shared.errors import Code, PulseError
from shared.rpc.validation import check

#: A page of the caller's own address must not be made of somebody's file.
_TO_BE_SAVED = (("content-disposition", "attachment"), ("x-content-type-options", "nosniff"))


class AttachmentService(api_grpc.AttachmentServiceServicer):
    """Takes files in, and gives them back."""

    def __init__(self, entry: Entry, attachments: Attachments) -> None:
        self._entry = entry
        self._attachments = attachments

    async def UploadAttachment(
        self, request: api.UploadAttachmentRequest, context: Context
    ) -> attachment_pb2.StoredAttachment:
        caller, said = self._entry.admit(context, "send")
        check(request)
        content = request.file.data
        if len(content) > rules.MOST_BYTES:
            raise _too_large()
        name = request.filename or _name_in(said.content_disposition)
        return await self._attachments.upload(caller.tenant_id, content, name, request.file.content_type)

    async def GetAttachment(
        self, request: api.GetAttachmentRequest, context: Context
    ) -> attachment_pb2.StoredAttachment:
        caller = self._entry.caller(context, "read")
        check(request)
        return (await self._attachments.get(caller.tenant_id, request.attachment_id))[0]

    async def DownloadAttachment(
        self, request: api.DownloadAttachmentRequest, context: Context
    ) -> httpbody_pb2.HttpBody:
        caller = self._entry.caller(context, "read")
        check(request)
        _, content = await self._attachments.get(caller.tenant_id, request.attachment_id, with_content=True)
        await context.send_initial_metadata(_TO_BE_SAVED)
        return httpbody_pb2.HttpBody(content_type="application/octet-stream", data=content)


def _name_in(dispositions: list[str]) -> str:
    """The name in Content-Disposition (RFC 6266); empty: there is none."""
    if len(dispositions) != 1:
        return ""
    message = Message()
    message["Content-Disposition"] = dispositions[0].encode("latin-1", "replace").decode("utf-8", "replace")
    return message.get_filename("")


def _too_large() -> PulseError:
    return PulseError(
        Code.RESOURCE_EXHAUSTED,
        "REQUEST_TOO_LARGE",
        f"a file has at most {rules.MOST_BYTES // 2**20} MiB",
        metadata={"limit_bytes": str(rules.MOST_BYTES), "http_status": "413"},
    )
