"""Calls on senders."""

from __future__ import annotations

from pulse.common.v1 import enums_pb2, sender_pb2
from pulse.gateway.v1 import sender_service_pb2 as pb
from pulse.gateway.v1.sender_service_pb2_grpc import SenderServiceStub
from pulse_client.calls import Call, Page, page
from pulse_client.enums import Channel
from pulse_client.senders.sender import Sender
from pulse_client.wire import name, number, time


def create_sender(wanted: Sender, tenant_id: str = "") -> Call[Sender]:
    """CreateSender."""
    request = pb.CreateSenderRequest(sender=_message(wanted), tenant_id=tenant_id)
    return Call(SenderServiceStub, "CreateSender", request, _sender)


def update_sender(wanted: Sender, tenant_id: str = "") -> Call[Sender]:
    """UpdateSender."""
    request = pb.UpdateSenderRequest(sender=_message(wanted), tenant_id=tenant_id)
    return Call(SenderServiceStub, "UpdateSender", request, _sender)


def get_sender(name: str, tenant_id: str = "") -> Call[Sender]:
    """GetSender."""
    request = pb.GetSenderRequest(name=name, tenant_id=tenant_id)
    return Call(SenderServiceStub, "GetSender", request, _sender)


def list_senders(channel: Channel | str | None = None, page_size: int = 0, tenant_id: str = "") -> Call[Page[Sender]]:
    """ListSenders, first page."""
    request = pb.ListSendersRequest(
        page_size=page_size, channel=number(Channel, enums_pb2.Channel, channel), tenant_id=tenant_id
    )
    return page(SenderServiceStub, "ListSenders", request, "senders", _sender)


def delete_sender(name: str, tenant_id: str = "") -> Call[None]:
    """DeleteSender."""
    request = pb.DeleteSenderRequest(name=name, tenant_id=tenant_id)
    return Call(SenderServiceStub, "DeleteSender", request, lambda _empty: None)


def _message(sender: Sender) -> sender_pb2.Sender:
    return sender_pb2.Sender(
        name=sender.name,
        channel=number(Channel, enums_pb2.Channel, sender.channel),
        address=sender.address,
        display_name=sender.display_name,
        reply_to=sender.reply_to,
        is_default=sender.is_default,
    )


def _sender(kept: sender_pb2.Sender) -> Sender:
    return Sender(
        name=kept.name,
        channel=name(Channel, enums_pb2.Channel, kept.channel),
        address=kept.address,
        display_name=kept.display_name,
        reply_to=kept.reply_to,
        is_default=kept.is_default,
        create_time=time(kept, "create_time"),
        update_time=time(kept, "update_time"),
    )
