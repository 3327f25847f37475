"""A file that goes with a notification, and one that Pulse keeps."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

from pulse.common.v1 import saying_pb2

#: What a request itself may hold of one file, bytes; a larger one is uploaded first.
MOST_INLINE_BYTES = 2**20
#: One file at the most, bytes.
MOST_BYTES = 10 * 2**20


@dataclass(frozen=True)
class Attachment:
    """A file for ``send``: one that was uploaded, by ``attachment_id``, or its ``content`` under a ``filename``.

    ``content_type`` ("application/pdf"): without one it is told by the name. ``inline_id``: it is a picture that the
    HTML shows as ``cid:<inline_id>``. ``as_link``: a link to it goes in its place, by any channel.
    """

    attachment_id: str = ""
    content: bytes = field(default=b"", repr=False)
    filename: str = ""
    content_type: str = ""
    inline_id: str = ""
    as_link: bool = False

    @classmethod
    def from_path(
        cls,
        path: str | os.PathLike[str],
        *,
        filename: str = "",
        content_type: str = "",
        inline_id: str = "",
        as_link: bool = False,
    ) -> Self:
        """A file from disk, by its own name unless another is given.

        OSError where it cannot be read, ValueError for one of more than 10 MiB, and for what is no file.
        """
        with _opened(Path(path)) as file:
            content = file.read(MOST_BYTES + 1)
        name = filename or Path(path).name
        return cls.from_bytes(content, name, content_type=content_type, inline_id=inline_id, as_link=as_link)

    @classmethod
    def from_bytes(
        cls, content: bytes, filename: str, *, content_type: str = "", inline_id: str = "", as_link: bool = False
    ) -> Self:
        """A file that the program has made; ValueError for one of more than 10 MiB."""
        if len(content) > MOST_BYTES:
            raise ValueError(f"a file has at most {MOST_BYTES // 2**20} MiB")
        return cls("", bytes(content), filename, content_type, inline_id, as_link)

    @property
    def is_too_large_to_send(self) -> bool:
        """Whether its content is more than a request may hold: it must be uploaded first."""
        return len(self.content) > MOST_INLINE_BYTES


@dataclass(frozen=True)
class StoredAttachment:
    """A file that Pulse keeps, until ``expire_time`` at least: whatever names it moves that on."""

    attachment_id: str
    filename: str
    content_type: str
    size: int  # bytes
    sha256: str  # in lower-case hex
    create_time: dt.datetime | None
    expire_time: dt.datetime | None

    def attachment(self, *, filename: str = "", inline_id: str = "", as_link: bool = False) -> Attachment:
        """It, for ``send``."""
        return Attachment(self.attachment_id, filename=filename, inline_id=inline_id, as_link=as_link)


def message(attachment: Attachment) -> saying_pb2.Attachment:
    """Its wire form; ValueError for content that a request cannot hold."""
    if attachment.is_too_large_to_send:
        raise ValueError("a request holds files of at most 1 MiB: upload_attachment gives larger ones an id")
    return saying_pb2.Attachment(
        attachment_id=attachment.attachment_id,
        content=attachment.content,
        filename=attachment.filename,
        content_type=attachment.content_type,
        inline_id=attachment.inline_id,
        as_link=attachment.as_link,
    )


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise ValueError(f"{path} is no file")
    with path.open("rb") as file:
        yield file
