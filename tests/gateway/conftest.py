"""A really served gateway before faked peers."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
import pytest

from pulse.common.v1 import enums_pb2
from pulse.gateway.v1 import (
    attachment_service_pb2_grpc,
    compatibility_service_pb2_grpc,
    destination_service_pb2_grpc,
    event_service_pb2_grpc,
    fragment_service_pb2_grpc,
    notification_service_pb2,
    notification_service_pb2_grpc,
    operations_service_pb2_grpc,
    recipient_service_pb2_grpc,
    sender_service_pb2_grpc,
    template_service_pb2_grpc,
    unsubscribe_service_pb2_grpc,
)
from services.gateway.config import GatewaySettings
from services.gateway.server import Gateway
from shared.clock import FixedClock
from shared.errors import PulseError
from shared.rpc.statuses import from_rpc_error
from tests.gateway import fakes

NOW = dt.datetime(2026, 6, 1, 12, 0, tzinfo=dt.UTC)


@dataclass
class Client:
    """Stubs of every public service."""

    channel: grpc.aio.Channel
    target: str

    def __post_init__(self) -> None:
        self.notifications = notification_service_pb2_grpc.NotificationServiceStub(self.channel)
        self.templates = template_service_pb2_grpc.TemplateServiceStub(self.channel)
        self.fragments = fragment_service_pb2_grpc.FragmentServiceStub(self.channel)
        self.operations = operations_service_pb2_grpc.OperationsServiceStub(self.channel)
        self.recipients = recipient_service_pb2_grpc.RecipientServiceStub(self.channel)
        self.senders = sender_service_pb2_grpc.SenderServiceStub(self.channel)
        self.attachments = attachment_service_pb2_grpc.AttachmentServiceStub(self.channel)
        self.events = event_service_pb2_grpc.EventServiceStub(self.channel)
        self.destinations = destination_service_pb2_grpc.DestinationServiceStub(self.channel)
        self.links = unsubscribe_service_pb2_grpc.UnsubscribeServiceStub(self.channel)
        self.original = compatibility_service_pb2_grpc.CompatibilityServiceStub(self.channel)

    async def send(self, headers: Any = None, **fields: Any) -> notification_service_pb2.SendNotificationResponse:
        """Sends a valid request in which ``fields`` take the place of the usual ones."""
        return await self.notifications.SendNotification(request(**fields), metadata=headers)


def request(**fields: Any) -> notification_service_pb2.SendNotificationRequest:
    """A valid request in which ``fields`` take the place of the usual ones."""
    context = fields.pop("context", {"name": "Ada"})
    asked = notification_service_pb2.SendNotificationRequest(
        **{"user_id": "u-1", "template_name": "welcome", "to": "ada@example.com", **fields}
    )
    asked.context.update(context)
    return asked


async def refusal(call: Any) -> PulseError:
    """The error that a call must end with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
async def peers() -> AsyncIterator[fakes.Peers]:
    """Router and ledger with one template for each channel."""
    behind = fakes.Peers()
    behind.store(
        fakes.template("welcome", enums_pb2.EMAIL, "Hello {{ name }}", subject="Welcome"),
        fakes.template("code_otp", enums_pb2.SMS, "Your code is {{ code }}"),
        fakes.template("alert", enums_pb2.PUSH, "{{ text }}", subject="Alert"),
    )
    await behind.start()
    yield behind
    await behind.stop()


Serve = Callable[..., Any]


@pytest.fixture
async def serve(peers: fakes.Peers, clock: FixedClock) -> AsyncIterator[Serve]:
    """Starts gateways with settings of the test's own; gives a client of each."""
    opened: list[tuple[Gateway, grpc.aio.Channel]] = []

    async def start(**settings: str) -> Client:
        environment = {
            "PULSE_LISTEN": "127.0.0.1:0",
            "PULSE_ROUTER_ADDRESS": peers.address,
            "PULSE_LEDGER_ADDRESS": peers.address,
            "PULSE_DELIVERY_ADDRESS": peers.address,
            "PULSE_DRAIN_SECONDS": "0.1",
            **settings,
        }
        gateway = Gateway(GatewaySettings.load(environment), clock)
        await gateway.start()
        target = f"127.0.0.1:{gateway.port}"
        channel = grpc.aio.insecure_channel(target, options=[("grpc.max_send_message_length", -1)])
        opened.append((gateway, channel))
        return Client(channel, target)

    yield start
    for gateway, channel in opened:
        await channel.close()
        await gateway.stop()


@pytest.fixture
async def client(serve: Serve) -> Client:
    """A client of a gateway with the usual settings."""
    return await serve()
