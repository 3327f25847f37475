"""Files: what came with emails, kept in memory to be looked at."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import NamedTuple

#: Bytes that are kept; the oldest files make room.
MOST_BYTES = 64 * 2**20


class ReceivedFile(NamedTuple):
    """One file of an email."""

    filename: str
    content_type: str
    inline_id: str
    content: bytes

    @property
    def path(self) -> str:
        """Where the sandbox's API gives its bytes."""
        return f"/api/files/{hashlib.sha256(self.content).hexdigest()}"

    def described(self) -> dict[str, object]:
        """As a receipt tells it."""
        return {
            "filename": self.filename,
            "content_type": self.content_type,
            "inline_id": self.inline_id,
            "size": len(self.content),
            "sha256": hashlib.sha256(self.content).hexdigest(),
            "path": self.path,
        }


class Files:
    """The newest, by their SHA-256 in hex."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    def keep(self, content: bytes) -> None:
        """Keeps it for a while."""
        sha256 = hashlib.sha256(content).hexdigest()
        self._bytes += len(content) - len(self._kept.pop(sha256, b""))
        self._kept[sha256] = content
        while self._bytes > self._most_bytes:
            self._bytes -= len(self._kept.popitem(last=False)[1])

    def get(self, sha256: str) -> bytes | None:
        """Its bytes; None: it is not there any more."""
        return self._kept.get(sha256)
