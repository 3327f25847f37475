"""Files as the ledger keeps them, in memory."""

from __future__ import annotations

from typing import Any

from pulse.common.v1.attachment_pb2 import StoredAttachment
from pulse.ledger.v1 import ledger_admin_pb2, ledger_admin_pb2_grpc, ledger_reader_pb2, ledger_reader_pb2_grpc
from shared.errors import not_found

#: By tenant and id.
Attachments = dict[tuple[str, str], tuple[StoredAttachment, bytes]]


class AttachmentReads(ledger_reader_pb2_grpc.LedgerReaderServicer):
    """For the reader."""

    attachments: Attachments

    async def GetAttachment(self, request: Any, context: Any) -> ledger_reader_pb2.GetAttachmentResponse:
        found = self.attachments.get((request.tenant_id, request.attachment_id))
        if found is None:
            raise not_found("ATTACHMENT", request.attachment_id)
        return ledger_reader_pb2.GetAttachmentResponse(
            attachment=found[0], content=found[1] if request.with_content else b""
        )


class AttachmentWrites(ledger_admin_pb2_grpc.LedgerAdminServicer):
    """For the administrator."""

    attachments: Attachments
    puts: list[str]

    async def PutAttachment(self, request: Any, context: Any) -> ledger_admin_pb2.PutAttachmentResponse:
        self.puts.append(request.attachment.attachment_id)
        self.attachments[request.tenant_id, request.attachment.attachment_id] = (request.attachment, request.content)
        return ledger_admin_pb2.PutAttachmentResponse(attachment=request.attachment)

    async def KeepAttachments(self, request: Any, context: Any) -> ledger_admin_pb2.KeepAttachmentsResponse:
        found = [self.attachments.get((request.tenant_id, one)) for one in request.attachment_ids]
        return ledger_admin_pb2.KeepAttachmentsResponse(attachments=[one[0] for one in found if one])
