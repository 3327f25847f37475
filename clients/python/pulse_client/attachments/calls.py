"""Calls on files."""

from __future__ import annotations

from google.api import httpbody_pb2

from pulse.common.v1 import attachment_pb2
from pulse.gateway.v1 import attachment_service_pb2 as pb
from pulse.gateway.v1.attachment_service_pb2_grpc import AttachmentServiceStub
from pulse_client.attachments.attachment import Attachment, StoredAttachment
from pulse_client.calls import Call
from pulse_client.wire import time


def upload_attachment(attachment: Attachment) -> Call[StoredAttachment]:
    """UploadAttachment."""
    if attachment.attachment_id:
        raise ValueError("it has been uploaded: it has an attachment_id")
    file = httpbody_pb2.HttpBody(content_type=attachment.content_type, data=attachment.content)
    request = pb.UploadAttachmentRequest(file=file, filename=attachment.filename)
    return Call(AttachmentServiceStub, "UploadAttachment", request, _stored)


def get_attachment(attachment_id: str) -> Call[StoredAttachment]:
    """GetAttachment."""
    return Call(AttachmentServiceStub, "GetAttachment", pb.GetAttachmentRequest(attachment_id=attachment_id), _stored)


def download_attachment(attachment_id: str) -> Call[bytes]:
    """DownloadAttachment."""
    request = pb.DownloadAttachmentRequest(attachment_id=attachment_id)
    return Call(AttachmentServiceStub, "DownloadAttachment", request, lambda body: bytes(body.data))


def _stored(answer: attachment_pb2.StoredAttachment) -> StoredAttachment:
    return StoredAttachment(
        attachment_id=answer.attachment_id,
        filename=answer.filename,
        content_type=answer.content_type,
        size=answer.size,
        sha256=answer.sha256,
        create_time=time(answer, "create_time"),
        expire_time=time(answer, "expire_time"),
    )
