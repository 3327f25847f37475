"""A notification's files: their bytes, to be saved and never shown."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from pulse_client import PulseError
from pulse_client import calls as client_calls
from pulse_client.attachments.calls import download_attachment
from pulse_client.models import AttachedFile
from services.console.web.page import Pages
from services.console.web.refusals import missing

#: Whatever kind the file says that it is: a page of the console's address must not be made of it.
_KIND = "application/octet-stream"


class AttachmentPages:
    """Hands files out."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def download(self, request: Request) -> Response:
        """One file of a notification, under the name that it has there."""
        ask = request.state.gateway.ask
        attachment_id = request.path_params["attachment_id"]
        try:
            notification = await ask(client_calls.get(request.path_params["notification_id"]))
            file = next((one for one in notification.attachments if one.attachment_id == attachment_id), None)
            if file is None:
                raise missing("ATTACHMENT_NOT_FOUND", "the notification has no such file")
            content = await ask(download_attachment(attachment_id))
        except PulseError as error:
            return self._pages.failed(request, error, "No such file")
        return Response(content, media_type=_KIND, headers={"Content-Disposition": disposition(file)})


def disposition(file: AttachedFile) -> str:
    """Under its own name, whatever letters that has (RFC 6266, RFC 8187)."""
    name = file.filename or file.attachment_id
    plain = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_. ") else "_" for sign in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
