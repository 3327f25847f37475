"""The client's methods for files."""

from __future__ import annotations

from pulse_client.attachments import calls
from pulse_client.attachments.attachment import Attachment, StoredAttachment
from pulse_client.calling import Calling


class AttachmentMethods(Calling):
    """Files that notifications name."""

    def upload_attachment(self, attachment: Attachment) -> StoredAttachment:
        """Keeps a file of at most 10 MiB; the same bytes again give the same id."""
        return self._call(calls.upload_attachment(attachment))

    def get_attachment(self, attachment_id: str) -> StoredAttachment:
        """What is known of a file; NOT_FOUND once its time is over."""
        return self._call(calls.get_attachment(attachment_id))

    def download_attachment(self, attachment_id: str) -> bytes:
        """A file's bytes, as they were given."""
        return self._call(calls.download_attachment(attachment_id))
