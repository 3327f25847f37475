"""How large a message may be, and whose: by method, before any of it is read."""

from __future__ import annotations

from services.gateway.door import headers
from services.gateway.door.auth import Door
from services.gateway.door.calls import Context
from shared.rpc.channels import MAX_MESSAGE_BYTES
from shared.rpc.receiving import Receiving

_MIB = 1024 * 1024
#: What a call may carry where nothing else is said.
MOST_BYTES = _MIB
#: Batches have what gRPC takes at all; a template with all its texts has what the edge takes.
LIMITS = {
    "/pulse.gateway.v1.NotificationService/BatchSendNotifications": MAX_MESSAGE_BYTES,
    # Files of 1 MiB in base64 have what the edge takes; an upload has one file, and what is said of it.
    "/pulse.gateway.v1.NotificationService/SendNotification": 4 * _MIB,
    "/pulse.gateway.v1.AttachmentService/UploadAttachment": 10 * _MIB + 4096,
    "/pulse.gateway.v1.TemplateService/CreateTemplate": 4 * _MIB,
    "/pulse.gateway.v1.TemplateService/UpdateTemplate": 4 * _MIB,
    "/pulse.gateway.v1.TemplateService/PreviewTemplate": 4 * _MIB,
    "/pulse.gateway.v1.FragmentService/CreateFragment": 2 * _MIB,
    "/pulse.gateway.v1.FragmentService/UpdateFragment": 2 * _MIB,
}
#: Services for callers without a key, who are all one to the bounds.
_OPEN = tuple(f"/pulse.gateway.v1.{name}Service/" for name in ("Unsubscribe", "LinkedFile", "Door"))
_NOBODY = ""


def receiving(door: Door) -> Receiving:
    """Takes in messages of those whom ``door`` lets in."""

    def knows(method: str, context: Context) -> str:
        if method.startswith(_OPEN):
            return _NOBODY
        return door.admit(headers.read(context.invocation_metadata() or ())).tenant_id

    return Receiving(knows, LIMITS, MOST_BYTES)
