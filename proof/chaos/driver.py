"""The driver: callers of a suite, who write down what they were told."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc
import grpc.aio
from google.protobuf.duration_pb2 import Duration

from proof.chaos.journal import Acknowledgement, Journal, Refusal
from proof.chaos.load import TENANTS, Ask, Step, Way
from proof.chaos.suite import API_KEYS
from pulse.common.v1 import enums_pb2, template_pb2
from pulse.gateway.v1 import (
    notification_service_pb2 as api,
)
from pulse.gateway.v1 import (
    notification_service_pb2_grpc,
    template_service_pb2,
    template_service_pb2_grpc,
)
from shared.errors import Code, PulseError
from shared.rpc.statuses import from_rpc_error, from_status

#: Longest wait for an answer, s; after that the call is sent again if it has a key.
CALL_S = 4.0
#: After so long a caller gives up, s: its request stays open.
PATIENCE_S = 30.0

#: Final: the same request would get the same answer.
FINAL = frozenset(
    {
        Code.INVALID_ARGUMENT,
        Code.NOT_FOUND,
        Code.ALREADY_EXISTS,
        Code.FAILED_PRECONDITION,
        Code.UNAUTHENTICATED,
        Code.PERMISSION_DENIED,
        Code.UNIMPLEMENTED,
    }
)
BODY = "Hello {{ name }}."
#: The load's own template.
TEMPLATE = Ask.template


class Driver:
    """Callers of the gateway at ``address``; each cell has its own. ``seed`` decides on pauses alone."""

    def __init__(self, address: str, seed: str) -> None:
        self.journal = Journal()
        self._address = address
        self._random = random.Random(seed)
        self._channel = _channel(address)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, steps: Sequence[Step], over_s: float = 0.0) -> None:
        """Begins to send ``steps``, spread over ``over_s`` seconds; returns at once."""
        for number, step in enumerate(steps):
            task = asyncio.create_task(self._later(step, over_s * number / max(1, len(steps))))
            self._tasks.add(task)
            task.add_done_callback(self._done)

    @property
    def calls(self) -> int:
        """Steps under way."""
        return len(self._tasks)

    async def finish(self) -> None:
        """Returns when every caller has its answer or has given up, which is bounded."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._channel.close()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        task.result()  # a driver that breaks must not look like a quiet one

    async def _later(self, step: Step, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        step = step.at(time.time())
        self.journal.asked += list(dict.fromkeys(step.asks))
        match step.way:
            case Way.BATCH:
                await self._batch(step.asks)
            case Way.CONCURRENT | Way.CLASH:
                await asyncio.gather(*(self._send(ask) for ask in step.asks))
            case Way.CANCEL:
                await self._cancel(await self._send(step.asks[0]), step.asks[0])
            case _:
                for ask in step.asks:
                    await self._send(ask)

    async def _send(self, ask: Ask) -> str:
        """Has one ask acknowledged; its id, empty if it was refused or stayed open."""
        answer = await self._until_answered(ask, lambda: self._call(ask.tenant, "SendNotification", request(ask)))
        if answer is None:
            return ""
        self._acknowledge(ask, answer.notification_id)
        return str(answer.notification_id)

    async def _batch(self, asks: Sequence[Ask]) -> None:
        """One batch call; what it does not answer is asked for by itself."""
        requests = api.BatchSendNotificationsRequest(requests=[request(ask) for ask in asks])
        try:
            answer = await self._call(asks[0].tenant, "BatchSendNotifications", requests)
        except PulseError:
            await asyncio.gather(*(self._again(ask) for ask in asks))
            return
        unanswered = []
        for ask, result in zip(asks, answer.results, strict=True):
            if not result.HasField("error"):
                self._acknowledge(ask, result.notification_id)
            elif from_status(result.error).code in FINAL:
                self.journal.refused.append(Refusal(ask, from_status(result.error).reason))
            else:
                unanswered.append(ask)
        await asyncio.gather(*(self._again(ask) for ask in unanswered))

    async def _again(self, ask: Ask) -> None:
        if ask.key:
            self.journal.repeated += 1
            await self._send(ask)
        else:
            self.journal.open.append(ask)

    async def _cancel(self, notification_id: str, ask: Ask) -> None:
        if not notification_id:
            return
        cancel = api.CancelNotificationRequest(notification_id=notification_id)
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE_S:
            try:
                await self._call(ask.tenant, "CancelNotification", cancel)
            except PulseError as error:
                if error.code in FINAL:
                    return
                await self._pause()
            else:
                self.journal.cancelled.add(notification_id)
                return

    async def _until_answered(self, ask: Ask, call: Callable[[], Awaitable[Any]]) -> Any | None:
        began = time.monotonic()
        while True:
            try:
                return await call()
            except PulseError as error:
                if error.code in FINAL or error.reason == "RATE_LIMITED":
                    self.journal.refused.append(Refusal(ask, error.reason))
                    return None
                if not ask.key or time.monotonic() - began > PATIENCE_S:
                    self.journal.open.append(ask)
                    return None
            self.journal.repeated += 1
            await self._pause()

    async def _call(self, tenant: str, method: str, message: Any) -> Any:
        stub = notification_service_pb2_grpc.NotificationServiceStub(self._channel)
        try:
            return await getattr(stub, method)(message, timeout=CALL_S, metadata=credential(tenant))
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
        except asyncio.CancelledError:
            # The channel was closed by a neighbour whose call had timed out.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise PulseError(Code.UNAVAILABLE, "CHANNEL_CLOSED", "the channel was closed") from None

    async def _pause(self) -> None:
        await asyncio.sleep(0.1 + 0.4 * self._random.random())

    def _acknowledge(self, ask: Ask, notification_id: str) -> None:
        self.journal.acknowledged.append(Acknowledgement(ask, notification_id, time.time()))


def request(ask: Ask) -> api.SendNotificationRequest:
    """The ask in the contract's words."""
    message = api.SendNotificationRequest(
        user_id=ask.user,
        template_name=ask.template,
        to=ask.to,
        channel=enums_pb2.Channel.Value(ask.channel),
        idempotency_key=ask.key,
        priority=enums_pb2.Priority.Value(ask.lane),
        delivery_guarantee=enums_pb2.AT_MOST_ONCE if ask.at_most_once else enums_pb2.AT_LEAST_ONCE,
    )
    message.context.update({"name": ask.name})
    if ask.send_at:
        message.send_at.FromDatetime(dt.datetime.fromtimestamp(ask.send_at, dt.UTC))
    if ask.ttl_s:
        message.ttl.CopyFrom(Duration(seconds=int(ask.ttl_s)))
    return message


async def make_template(address: str, name: str = TEMPLATE, body: str = BODY, **more: Any) -> None:
    """Gives each tenant a template of mail, with ``more`` of its fields; one that exists is as good."""
    content = template_pb2.TemplateContent(subject="Chaos", body=body)
    template = template_pb2.Template(name=name, channel=enums_pb2.EMAIL, contents=[content], **more)
    async with _channel(address) as channel:
        stub = template_service_pb2_grpc.TemplateServiceStub(channel)
        for tenant in TENANTS:
            message = template_service_pb2.CreateTemplateRequest(template=template)
            try:
                await stub.CreateTemplate(message, timeout=10, metadata=credential(tenant))
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
                    raise


def credential(tenant: str) -> tuple[tuple[str, str], ...]:
    """Metadata that says who is calling."""
    return (("x-api-key", API_KEYS[tenant]),)


def _channel(address: str) -> grpc.aio.Channel:
    options = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_reconnect_backoff_ms", 500),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
    ]
    return grpc.aio.insecure_channel(address, options=options)
