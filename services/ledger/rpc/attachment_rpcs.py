"""The files' part of LedgerAdmin and LedgerReader: converts, calls, converts back."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pulse.common.v1 import attachment_pb2
from pulse.ledger.v1 import ledger_admin_pb2, ledger_admin_pb2_grpc, ledger_reader_pb2, ledger_reader_pb2_grpc
from services.ledger.stores.attachment_store import AttachmentStore, StoredAttachment
from shared.errors import not_found
from shared.rpc.validation import check
from shared.times import from_timestamp, to_timestamp

#: Stands where the store puts the time.
_UNMADE = dt.datetime.min


class AttachmentWrites(ledger_admin_pb2_grpc.LedgerAdminServicer):
    """Keeps files."""

    _attachments: AttachmentStore

    async def PutAttachment(
        self, request: ledger_admin_pb2.PutAttachmentRequest, context: Any
    ) -> ledger_admin_pb2.PutAttachmentResponse:
        check(request)
        wanted = _attachment_of(request.attachment)
        stored = await self._attachments.put(request.tenant_id, wanted, request.content, _until(request))
        return ledger_admin_pb2.PutAttachmentResponse(attachment=to_attachment(stored))

    async def KeepAttachments(
        self, request: ledger_admin_pb2.KeepAttachmentsRequest, context: Any
    ) -> ledger_admin_pb2.KeepAttachmentsResponse:
        check(request)
        ids = [one for one in request.attachment_ids if "\0" not in one]
        found = await self._attachments.keep(request.tenant_id, ids, _until(request))
        return ledger_admin_pb2.KeepAttachmentsResponse(attachments=map(to_attachment, found))


class AttachmentReads(ledger_reader_pb2_grpc.LedgerReaderServicer):
    """Gives files back."""

    _attachments: AttachmentStore

    async def GetAttachment(
        self, request: ledger_reader_pb2.GetAttachmentRequest, context: Any
    ) -> ledger_reader_pb2.GetAttachmentResponse:
        check(request)
        wanted = request.attachment_id.replace("\0", "\ufffd")
        found = await self._attachments.get(request.tenant_id, wanted, with_content=request.with_content)
        if found is None:
            raise not_found("ATTACHMENT", request.attachment_id)
        stored, content = found
        return ledger_reader_pb2.GetAttachmentResponse(attachment=to_attachment(stored), content=content)


def to_attachment(stored: StoredAttachment) -> attachment_pb2.StoredAttachment:
    """As callers get it."""
    return attachment_pb2.StoredAttachment(
        attachment_id=stored.attachment_id,
        filename=stored.filename,
        content_type=stored.content_type,
        size=stored.size,
        sha256=stored.sha256,
        image_type=stored.image_type,
        create_time=to_timestamp(stored.created_at),
        expire_time=to_timestamp(stored.expires_at),
    )


def _attachment_of(message: attachment_pb2.StoredAttachment) -> StoredAttachment:
    return StoredAttachment(
        message.attachment_id,
        message.filename,
        message.content_type,
        message.size,
        message.sha256,
        message.image_type,
        _UNMADE,
        _UNMADE,
    )


def _until(request: Any) -> dt.datetime | None:
    return from_timestamp(request.needed_until) if request.HasField("needed_until") else None
