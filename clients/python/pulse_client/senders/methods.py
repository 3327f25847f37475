"""The client's methods for senders. ``tenant_id``: whose, if not the key's own; that needs the scope administer."""

from __future__ import annotations

from collections.abc import Iterator

from pulse_client.calling import Calling
from pulse_client.enums import Channel
from pulse_client.senders import calls
from pulse_client.senders.sender import Sender


class SenderMethods(Calling):
    """Who notifications come from."""

    def create_sender(self, wanted: Sender, tenant_id: str = "") -> Sender:
        """Registers one; ALREADY_EXISTS if the name is taken. Needs the scope administer, as all changes."""
        return self._call(calls.create_sender(wanted, tenant_id))

    def update_sender(self, wanted: Sender, tenant_id: str = "") -> Sender:
        """Replaces one; its channel stays."""
        return self._call(calls.update_sender(wanted, tenant_id))

    def get_sender(self, name: str, tenant_id: str = "") -> Sender:
        """The one of that name."""
        return self._call(calls.get_sender(name, tenant_id))

    def list_senders(
        self, channel: Channel | str | None = None, page_size: int = 0, tenant_id: str = ""
    ) -> Iterator[Sender]:
        """Senders by name, of one channel or all, page by page as they are consumed."""
        return self._pages(calls.list_senders(channel, page_size, tenant_id))

    def delete_sender(self, name: str, tenant_id: str = "") -> None:
        """Forgets one; FAILED_PRECONDITION if templates name it."""
        self._call(calls.delete_sender(name, tenant_id))
