"""Receipt: one notification that a look-alike provider accepted."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from services.sandbox.receipts.files import ReceivedFile

#: How every line of the log begins; enough to count a line without parsing it.
LINE_START = re.compile(rb'\{"id":"(\d{1,19})","channel":"([a-z_]+)",')


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a provider took on. ``to`` and ``body`` are exactly what the two hashes in the log are taken over."""

    channel: str
    provider: str
    to: str
    subject: str
    body: str
    notification_id: str
    provider_id: str
    html_body: str = ""
    data: dict[str, str] = field(default_factory=dict)
    #: All that the provider was asked, where it is more than the fields above.
    request: dict[str, Any] | None = None
    files: tuple[ReceivedFile, ...] = ()
    #: An email as it came: bytes that are kept for a while, beside the log.
    message: bytes = b""

    def line(self, receipt_id: int, at_ns: int) -> bytes:
        """The log line: JSON in UTF-8, ended by a line feed; hashes are SHA-256 in hex over the UTF-8 text.

        Text that UTF-8 cannot hold (a lone surrogate out of a broken email) is written, and hashed, as ``?``.
        """
        values: dict[str, object] = {
            "id": str(receipt_id),
            "channel": self.channel,
            "provider": self.provider,
            "to": self.to,
            "subject": self.subject,
            "body": self.body,
            "html_body": self.html_body,
            "data": self.data,
            "notification_id": self.notification_id,
            "provider_id": self.provider_id,
            "received_at": timestamp(at_ns),
            "to_sha256": sha256(self.to),
            "body_sha256": sha256(self.body),
        }
        if self.request is not None:
            values["request"] = self.request
        if self.files:
            values["attachments"] = [one.described() for one in self.files]
        return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def sha256(text: str) -> str:
    """SHA-256 of the text's UTF-8, in lower-case hex."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def timestamp(at_ns: int) -> str:
    """Nanoseconds since 1970 as RFC 3339 in UTC with microseconds."""
    seconds, nanoseconds = divmod(at_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanoseconds // 1000)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
