"""Senders as the ledger keeps them, in memory."""

from __future__ import annotations

from typing import Any

from pulse.common.v1.sender_pb2 import Sender
from pulse.ledger.v1 import ledger_admin_pb2, ledger_admin_pb2_grpc, ledger_reader_pb2, ledger_reader_pb2_grpc
from shared.errors import Code, PulseError, not_found

#: By tenant and name.
Senders = dict[tuple[str, str], Sender]


class SenderReads(ledger_reader_pb2_grpc.LedgerReaderServicer):
    """For the reader, with what it was asked for."""

    senders: Senders
    sender_look_ups: list[tuple[str, str]]
    #: Why, by address in lower case; and what was asked for.
    suppressed: dict[str, str]
    suppressed_look_ups: list[ledger_reader_pb2.FindSuppressedRequest]

    async def FindSuppressed(self, request: Any, context: Any) -> ledger_reader_pb2.FindSuppressedResponse:
        self.suppressed_look_ups.append(request)
        answer = ledger_reader_pb2.FindSuppressedResponse()
        for address in request.addresses:
            if address.lower() in self.suppressed:
                answer.suppressed.add(address=address, reason=self.suppressed[address.lower()])
        return answer

    async def FindSender(self, request: Any, context: Any) -> ledger_reader_pb2.FindSenderResponse:
        self.sender_look_ups.append((request.tenant_id, request.name))
        if request.name:
            return ledger_reader_pb2.FindSenderResponse(sender=self.senders.get((request.tenant_id, request.name)))
        defaults = [
            one
            for (tenant_id, _), one in self.senders.items()
            if tenant_id == request.tenant_id and one.channel == request.channel and one.is_default
        ]
        return ledger_reader_pb2.FindSenderResponse(sender=defaults[0] if defaults else None)

    async def ListSenders(self, request: Any, context: Any) -> ledger_reader_pb2.ListSendersResponse:
        found = [
            one
            for (tenant_id, _), one in sorted(self.senders.items(), key=lambda kept: kept[0])
            if tenant_id == request.tenant_id and request.channel in (0, one.channel)
        ]
        return ledger_reader_pb2.ListSendersResponse(senders=found)


class SenderWrites(ledger_admin_pb2_grpc.LedgerAdminServicer):
    """For the administrator."""

    senders: Senders

    async def CreateSender(self, request: Any, context: Any) -> ledger_admin_pb2.CreateSenderResponse:
        if (request.tenant_id, request.sender.name) in self.senders:
            raise PulseError(Code.ALREADY_EXISTS, "SENDER_EXISTS", "the name is taken")
        self.senders[request.tenant_id, request.sender.name] = request.sender
        return ledger_admin_pb2.CreateSenderResponse(sender=request.sender)

    async def UpdateSender(self, request: Any, context: Any) -> ledger_admin_pb2.UpdateSenderResponse:
        if (request.tenant_id, request.sender.name) not in self.senders:
            raise not_found("SENDER", request.sender.name)
        self.senders[request.tenant_id, request.sender.name] = request.sender
        return ledger_admin_pb2.UpdateSenderResponse(sender=request.sender)

    async def DeleteSender(self, request: Any, context: Any) -> ledger_admin_pb2.DeleteSenderResponse:
        if self.senders.pop((request.tenant_id, request.name), None) is None:
            raise not_found("SENDER", request.name)
        return ledger_admin_pb2.DeleteSenderResponse()
