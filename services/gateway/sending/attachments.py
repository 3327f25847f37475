"""A request's files: checked, kept by the ledger, and named in what goes on."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pulse.common.v1 import attachment_pb2, saying_pb2
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2
from services.gateway.peers import ask
from services.gateway.rules import attachment_rules as rules
from services.gateway.rules import file_magic
from services.gateway.sending.file_links import FileLinks
from shared.channel.table import Address, Channel
from shared.errors import invalid_field
from shared.saying.attachment_ids import attachment_id
from shared.times import to_timestamp

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_admin_pb2_grpc import LedgerAdminAsyncStub
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

Stored = attachment_pb2.StoredAttachment
#: Above so many bytes a hash is taken beside the loop.
_LARGE = 256 * 1024


class _Given(NamedTuple):
    """A file whose bytes came with the request."""

    stored: Stored
    content: bytes


class Attachments:
    """Keeps files in the ledger."""

    def __init__(self, reader: LedgerReaderAsyncStub, admin: LedgerAdminAsyncStub, links: FileLinks) -> None:
        self._reader = reader
        self._admin = admin
        self.links = links

    async def upload(self, tenant_id: str, content: bytes, filename: str, content_type: str) -> Stored:
        """As kept. Raises INVALID_ARGUMENT and RESOURCE_EXHAUSTED."""
        name = rules.checked_name("filename", filename) if filename else ""
        kind = rules.checked_type("file.content_type", content_type, name)
        stored = await _described(tenant_id, content, name, kind, "file")
        request = ledger_admin_pb2.PutAttachmentRequest(tenant_id=tenant_id, attachment=stored, content=content)
        return (await ask(self._admin.PutAttachment, request)).attachment

    async def get(self, tenant_id: str, attachment_id: str, *, with_content: bool = False) -> tuple[Stored, bytes]:
        """One, with its bytes if they are wanted; raises NOT_FOUND."""
        request = ledger_reader_pb2.GetAttachmentRequest(
            tenant_id=tenant_id, attachment_id=attachment_id, with_content=with_content
        )
        answer = await ask(self._reader.GetAttachment, request)
        return answer.attachment, answer.content

    async def take_in(
        self,
        tenant_id: str,
        said: Sequence[saying_pb2.Attachment],
        channels: Sequence[Channel],
        needed_until: dt.datetime | None,
        *,
        link_end: dt.datetime,
        only_look: bool = False,
    ) -> list[saying_pb2.Attachment]:
        """The request's files as references; links end at ``link_end``. ``only_look``: what is new is not kept.

        Raises INVALID_ARGUMENT for what no mail may carry, NOT_FOUND for an id that is not there.
        """
        carried = [one for one in said if not one.as_link]
        if carried and not any(channel.facts.address is Address.MAILBOX for channel in channels):
            hint = "as_link: true gives a link in the file's place, by any channel"
            words = "cannot go by any of the request's channels"
            raise invalid_field("attachments", "ATTACHMENTS_NOT_CARRIED", words, hint)
        rules.check_inline_ids([one.inline_id for one in said])
        for n, asked in enumerate(said):
            if asked.as_link:
                self.links.check(asked, f"attachments[{n}]")
        if len(carried) < len(said):
            needed_until = max(needed_until or link_end, link_end)
        given = {n: await _read(tenant_id, one, f"attachments[{n}]") for n, one in enumerate(said)}
        ids = [one.stored.attachment_id if one else said[n].attachment_id for n, one in given.items()]
        kept = await self._kept(tenant_id, ids, needed_until, only_look=only_look)
        for n, one in given.items():
            if one is None and ids[n] not in kept:
                raise rules.unknown(ids[n])
        sizes = [one.stored.size if one else kept[ids[n]].size for n, one in given.items() if not said[n].as_link]
        rules.check_total(sizes)
        taken = []
        for n, one in given.items():
            found = one.stored if one else kept[ids[n]]
            reference = _reference(found, said[n], f"attachments[{n}]")
            if reference.as_link:
                reference.url = self.links.url(tenant_id, reference, link_end)
            taken.append(reference)
        if not only_look:
            await self._keep_new(tenant_id, given.values(), kept, needed_until)
        return taken

    async def _kept(
        self, tenant_id: str, ids: Sequence[str], needed_until: dt.datetime | None, *, only_look: bool
    ) -> Mapping[str, Stored]:
        until = None if only_look or needed_until is None else to_timestamp(needed_until)
        request = ledger_admin_pb2.KeepAttachmentsRequest(
            tenant_id=tenant_id, attachment_ids=sorted(set(ids)), needed_until=until
        )
        answer = await ask(self._admin.KeepAttachments, request)
        return {one.attachment_id: one for one in answer.attachments}

    async def _keep_new(
        self, tenant_id: str, given: Any, kept: Mapping[str, Stored], needed_until: dt.datetime | None
    ) -> None:
        until = None if needed_until is None else to_timestamp(needed_until)
        new = {one.stored.attachment_id: one for one in given if one and one.stored.attachment_id not in kept}
        for one in new.values():
            request = ledger_admin_pb2.PutAttachmentRequest(
                tenant_id=tenant_id, attachment=one.stored, content=one.content, needed_until=until
            )
            await ask(self._admin.PutAttachment, request)


async def _read(tenant_id: str, said: saying_pb2.Attachment, field: str) -> _Given | None:
    """What came with the request; None: it names a file that is kept."""
    if said.attachment_id and said.content:
        raise invalid_field(field, "ATTACHMENT_SOURCE", "has an attachment_id and content; one of them is meant")
    if said.filename:
        rules.checked_name(f"{field}.filename", said.filename)
    if said.attachment_id:
        return None
    if not said.content:
        raise invalid_field(field, "ATTACHMENT_SOURCE", "has neither attachment_id nor content")
    if not said.filename:
        raise invalid_field(f"{field}.filename", "ATTACHMENT_FILENAME", "is needed for content")
    kind = rules.checked_type(f"{field}.content_type", said.content_type, said.filename)
    stored = await _described(tenant_id, said.content, said.filename, kind, f"{field}.content")
    return _Given(stored, said.content)


async def _described(tenant_id: str, content: bytes, name: str, kind: str, field: str) -> Stored:
    rules.check_content(field, content)
    found = file_magic.image_type(content)
    rules.check_image(field, kind, found)
    digest = hashlib.sha256(content) if len(content) <= _LARGE else await asyncio.to_thread(hashlib.sha256, content)
    sha256 = digest.hexdigest()
    return Stored(
        attachment_id=attachment_id(tenant_id, sha256),
        filename=name,
        content_type=kind,
        size=len(content),
        sha256=sha256,
        image_type=found,
    )


def _reference(stored: Stored, said: saying_pb2.Attachment, field: str) -> saying_pb2.Attachment:
    """What goes on in place of ``said``: which file, and how it is called in this mail."""
    name = said.filename or stored.filename
    if not name:
        raise invalid_field(
            f"{field}.filename", "ATTACHMENT_FILENAME", "is needed, as the file was uploaded without one"
        )
    kind = stored.content_type
    if said.attachment_id and said.content_type:
        kind = rules.checked_type(f"{field}.content_type", said.content_type, name)
    rules.check_image(field, kind, stored.image_type, said.inline_id)
    return saying_pb2.Attachment(
        attachment_id=stored.attachment_id,
        filename=name,
        content_type=kind,
        inline_id=said.inline_id,
        as_link=said.as_link,
        size=stored.size,
        sha256=stored.sha256,
    )
