"""The senders' part of LedgerAdmin and LedgerReader: converts, calls, converts back."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pulse.common.v1 import sender_pb2
from pulse.ledger.v1 import ledger_admin_pb2, ledger_admin_pb2_grpc, ledger_reader_pb2, ledger_reader_pb2_grpc
from services.ledger.rpc import pages
from services.ledger.rpc.pages import PageRequest
from services.ledger.rpc.wire_enums import channel_asked
from services.ledger.rules.senders import Sender
from services.ledger.stores.paging import SenderFilter
from services.ledger.stores.sender_store import SenderStore
from shared.channel.numbers import channel_of, number_of
from shared.errors import Code, PulseError, Violation, invalid, not_found
from shared.rpc.validation import check
from shared.times import to_timestamp

#: Stands where the store puts the time.
_UNMADE = dt.datetime.min


class SenderWrites(ledger_admin_pb2_grpc.LedgerAdminServicer):
    """Keeps senders."""

    _senders: SenderStore

    async def CreateSender(
        self, request: ledger_admin_pb2.CreateSenderRequest, context: Any
    ) -> ledger_admin_pb2.CreateSenderResponse:
        check(request)
        stored = await self._senders.create(request.tenant_id, _sender_of(request.sender))
        if stored is None:
            raise PulseError(
                Code.ALREADY_EXISTS,
                "SENDER_EXISTS",
                f"there is a sender {request.sender.name!r} already",
                hint="update it to change it",
            )
        return ledger_admin_pb2.CreateSenderResponse(sender=to_sender(stored))

    async def UpdateSender(
        self, request: ledger_admin_pb2.UpdateSenderRequest, context: Any
    ) -> ledger_admin_pb2.UpdateSenderResponse:
        check(request)
        stored = await self._senders.update(request.tenant_id, _sender_of(request.sender))
        if stored is None:
            raise not_found("SENDER", request.sender.name)
        return ledger_admin_pb2.UpdateSenderResponse(sender=to_sender(stored))

    async def DeleteSender(
        self, request: ledger_admin_pb2.DeleteSenderRequest, context: Any
    ) -> ledger_admin_pb2.DeleteSenderResponse:
        check(request)
        if not await self._senders.delete(request.tenant_id, _name(request.name)):
            raise not_found("SENDER", request.name)
        return ledger_admin_pb2.DeleteSenderResponse()


class SenderReads(ledger_reader_pb2_grpc.LedgerReaderServicer):
    """Tells senders."""

    _senders: SenderStore

    async def FindSender(
        self, request: ledger_reader_pb2.FindSenderRequest, context: Any
    ) -> ledger_reader_pb2.FindSenderResponse:
        check(request)
        channel = channel_of(request.channel)
        if request.name:
            found = await self._senders.named(request.tenant_id, _name(request.name))
        else:
            found = await self._senders.default(request.tenant_id, channel) if channel else None
        return ledger_reader_pb2.FindSenderResponse(sender=to_sender(found) if found else None)

    async def ListSenders(
        self, request: ledger_reader_pb2.ListSendersRequest, context: Any
    ) -> ledger_reader_pb2.ListSendersResponse:
        check(request)
        wanted = SenderFilter(request.tenant_id, channel_asked(request.channel, "channel"))
        shown, token = await pages.page(
            PageRequest(wanted, request.page_size, request.page_token),
            lambda count, last: self._senders.page(wanted, count, last),
            lambda row: row.name,
            to_sender,
        )
        return ledger_reader_pb2.ListSendersResponse(senders=shown, next_page_token=token)


def to_sender(sender: Sender) -> sender_pb2.Sender:
    """As callers get it."""
    return sender_pb2.Sender(
        name=sender.name,
        channel=number_of(sender.channel),
        address=sender.address,
        display_name=sender.display_name,
        reply_to=sender.reply_to,
        is_default=sender.is_default,
        create_time=to_timestamp(sender.created_at),
        update_time=to_timestamp(sender.updated_at),
    )


def _sender_of(message: sender_pb2.Sender) -> Sender:
    """Raises INVALID_ARGUMENT for a channel that is newer than this release, and for what no column can hold."""
    channel = channel_of(message.channel)
    if channel is None:
        raise invalid([Violation("sender.channel", "is not a channel that this ledger knows")])
    texts = (message.address, message.display_name, message.reply_to)
    if any("\0" in text for text in texts):
        raise invalid([Violation("sender", "must not contain NUL")])
    return Sender(message.name, channel, *texts, message.is_default, _UNMADE, _UNMADE)


def _name(given: str) -> str:
    return given.replace("\0", "\ufffd")
