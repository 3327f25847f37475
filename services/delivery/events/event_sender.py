"""Draws what is due for endpoints, sends it, and says what became of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import grpc.aio

from pulse.ledger.v1 import ledger_subscriptions_pb2 as pb
from pulse.ledger.v1.ledger_subscriptions_pb2_grpc import LedgerSubscriptionsStub
from services.delivery.events.endpoints import Endpoints, Outcome
from services.delivery.events.event_metrics import EventMetrics
from services.delivery.events.requests import written
from shared.clock import Clock
from shared.errors import PulseError
from shared.gather import Gatherer
from shared.observe.logs import logger
from shared.repeating import repeat
from shared.rpc.channels import call
from shared.times import to_duration

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_subscriptions_pb2_grpc import LedgerSubscriptionsAsyncStub

log = logger(__name__)

#: Requests under way in this process, and to one endpoint over all processes.
_MOST, _MOST_OF_ONE = 500, 10
#: Drawn at a time.
_AT_ONCE = 100
#: Time that must be left between an answer and the lease's end, s.
_TO_SETTLE = 15.0
#: Longest call of the ledger, s.
_CALL_SECONDS = 10.0
#: What an answer's beginning is cut to, characters.
_MOST_TOLD = 1_024


class EventSender:
    """One for a process; of any number, each sends what it drew. What one that ends had drawn is drawn again."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        endpoints: Endpoints,
        clock: Clock,
        metrics: EventMetrics,
        *,
        pause: float,
        seconds: float,
    ) -> None:
        self._ledger: LedgerSubscriptionsAsyncStub = LedgerSubscriptionsStub(channel)
        self._endpoints = endpoints
        self._clock = clock
        self._metrics = metrics
        self._pause = pause
        self._lease = seconds + _TO_SETTLE
        self._sending: set[asyncio.Task[None]] = set()
        self._settling: Gatherer[pb.EventAnswer, None] = Gatherer(self._settle, max_batch=100, max_waiting=2 * _MOST)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Sends from here on."""
        self._task = asyncio.create_task(repeat("sending events", self._round, self._pause))

    async def stop(self) -> None:
        """Draws no more, and lets the requests under way come to their ends."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._sending:
            await asyncio.wait(self._sending)
        await self._settling.drain()
        await self._endpoints.close()

    async def _round(self) -> None:
        """Draws as long as there is something due, and room for it."""
        while room := min(_AT_ONCE, _MOST - len(self._sending)):
            request = pb.DrawEventDeliveriesRequest(
                limit=room, most_of_one=_MOST_OF_ONE, lease=to_duration(self._lease)
            )
            drawn = await call(self._ledger.DrawEventDeliveries, request, _CALL_SECONDS)
            for due in drawn.due:
                task = asyncio.create_task(self._send(due))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)
            if not drawn.due:
                break

    async def _send(self, due: pb.DueEventDelivery) -> None:
        begun = time.monotonic()
        try:
            outcome = await self._endpoints.post(due.url, written(due, self._clock.now().timestamp()))
        except Exception as error:  # it holds up no other, and is tried again like one that was not answered
            log.error("an event cannot be sent", subscription_id=due.subscription_id, exc_info=error)
            outcome = Outcome(0, error="it could not be written")
        took = time.monotonic() - begun
        self._metrics.answered(outcome.status, took)
        try:
            await self._settling.submit(_answer(due, outcome, took))
        except PulseError as error:
            log.warning("what became of an event is not settled", reason=error.reason)

    async def _settle(self, answers: Sequence[pb.EventAnswer]) -> Sequence[None]:
        """What cannot be said is sent again, once its lease has ended."""
        settled = await call(
            self._ledger.SettleEventDeliveries, pb.SettleEventDeliveriesRequest(answers=answers), _CALL_SECONDS
        )
        self._metrics.disabled(settled.disabled)
        return [None] * len(answers)


def _answer(due: pb.DueEventDelivery, outcome: Outcome, took: float) -> pb.EventAnswer:
    asked_for = outcome.retry_after
    return pb.EventAnswer(
        tenant_id=due.tenant_id,
        subscription_id=due.subscription_id,
        event_delivery_id=due.event_delivery_id,
        attempt=due.attempt,
        status=outcome.status,
        body=outcome.body[:_MOST_TOLD],
        error=outcome.error,
        latency=to_duration(took),
        retry_after=None if asked_for is None else to_duration(asked_for),
    )
