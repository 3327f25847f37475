"""Links to files that go in a notification's text in place of the files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from pulse.common.v1 import saying_pb2
from pulse.common.v1.notification_pb2 import Decision
from shared import file_links
from shared.errors import invalid_field
from shared.signing import KeyRing

#: The variable by which templates name a request's files, where one of them goes as a link.
VARIABLE = "attachments"


class FileLinks:
    """Makes links under Pulse's public address that are good for ``length``; none without that address or a key."""

    def __init__(self, keys: KeyRing, public_url: str, length: dt.timedelta) -> None:
        self._keys = keys
        self._public_url = public_url.rstrip("/")
        self._length = length

    def end(self, *times: dt.datetime | None) -> dt.datetime:
        """When a link ends that is made for the latest of these times; a full second, as it says no less."""
        return max(time for time in times if time is not None).replace(microsecond=0) + self._length

    def check(self, said: saying_pb2.Attachment, field: str) -> None:
        """INVALID_ARGUMENT for what cannot go as a link."""
        if not (self._keys and self._public_url):
            hint = "whoever runs Pulse can set PULSE_PUBLIC_URL and PULSE_UNSUBSCRIBE_KEY for its gateway"
            raise invalid_field(f"{field}.as_link", "ATTACHMENT_LINKS_OFF", "cannot be made by this gateway", hint)
        if said.inline_id:
            words, hint = "shows it in the text; a link does not", "leave inline_id or as_link away"
            raise invalid_field(f"{field}.inline_id", "ATTACHMENT_INLINE_LINK", words, hint)

    def url(self, tenant_id: str, file: saying_pb2.Attachment, ends_at: dt.datetime) -> str:
        """The link to a file under its name in this notification."""
        link = file_links.FileLink(tenant_id, file.attachment_id, file.filename, ends_at)
        return f"{self._public_url}{file_links.PATH}{file_links.sign(self._keys, link)}"


def refuse_own(context: Mapping[str, Any]) -> None:
    """Refuses a request that sets the variable itself, as what it says would be lost."""
    if VARIABLE in context:
        words = "is filled in by Pulse, as a file goes as a link"
        raise invalid_field(f"context.{VARIABLE}", "CONTEXT_RESERVED", words)


def decision(ends_at: dt.datetime) -> Decision:
    """For the timeline."""
    result = f"as links until {ends_at:%Y-%m-%dT%H:%M:%SZ}"
    return Decision(rule="attachments", result=result, reason="the request says as_link")


def variable(files: Sequence[saying_pb2.Attachment], ends_at: dt.datetime) -> list[dict[str, Any]]:
    """What templates see of a request's files, in its order: ``url`` is empty for one that goes along itself."""
    return [
        {
            "filename": one.filename,
            "content_type": one.content_type,
            "size": one.size,
            "url": one.url,
            "expires_at": ends_at.isoformat().replace("+00:00", "Z") if one.url else "",
        }
        for one in files
    ]
