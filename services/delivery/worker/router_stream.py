"""One router's stream: the worker says what it takes, and has what the router had claimed for it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import grpc.aio

from pulse.ledger.v1.ledger_service_pb2 import AvoidForTenant
from pulse.ledger.v1.records_pb2 import ClaimedNotification as ClaimedMessage
from pulse.router.v1.router_service_pb2 import AwaitUrgentRequest, AwaitUrgentResponse
from services.delivery.rules.claim import ClaimedNotification
from services.delivery.rules.provider_view import Avoided
from services.delivery.worker.offers import Offers
from shared.rpc.statuses import from_rpc_error
from shared.times import to_duration

if TYPE_CHECKING:
    from pulse.router.v1.router_service_pb2_grpc import RouterServiceAsyncStub

#: A worker says so often how it stands, s: three times before a router takes it for gone.
TICK = 0.5

Call = grpc.aio.StreamStreamCall[AwaitUrgentRequest, AwaitUrgentResponse]
#: Reads what was claimed by a request of the given time (monotonic); None: it cannot be read.
Read = Callable[[ClaimedMessage, float], ClaimedNotification | None]


class WorkerState(NamedTuple):
    """What a worker says of itself."""

    worker_id: str
    lease: float
    avoided: Callable[[], Avoided]

    def message(self, granted: int) -> AwaitUrgentRequest:
        """As it stands now."""
        avoided = self.avoided()
        return AwaitUrgentRequest(
            worker_id=self.worker_id,
            lease=to_duration(self.lease),
            clock_ns=time.monotonic_ns(),
            granted=granted,
            reads_devices=True,
            avoid_providers=sorted(avoided.by_all),
            avoid_for_tenants=[
                AvoidForTenant(tenant_id=tenant, provider=provider) for tenant, provider in sorted(avoided.by_tenant)
            ],
        )


class RouterStream:
    """One call, from its begin to its end. ``most`` is what is offered to the router at once."""

    def __init__(self, stub: RouterServiceAsyncStub, offers: Offers, state: WorkerState, read: Read, most: int) -> None:
        self._stub = stub
        self._offers = offers
        self._state = state
        self._read = read
        self.most = most
        self._granted = 0
        self._open = 0
        self._leaving = False
        self._woken = asyncio.Event()

    def leave(self) -> None:
        """Nothing more is offered; what is under way still comes, and then :meth:`run` returns."""
        self._leaving = True
        self._woken.set()

    async def run(self) -> None:
        """Until either side leaves; raises :class:`shared.errors.PulseError` if the stream breaks."""
        call = self._stub.AwaitUrgent()
        both = {asyncio.create_task(self._receive(call)), asyncio.create_task(self._tell(call))}
        try:
            ended, _ = await asyncio.wait(both, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in both:
                task.cancel()
            await asyncio.wait(both)
            call.cancel()
            self._offers.withdraw(self._open)
            self._open = 0
        for task in ended:
            task.result()

    async def _receive(self, call: Call) -> None:
        try:
            while isinstance(pushed := await call.read(), AwaitUrgentResponse):
                self._take(pushed)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error
        finally:
            self.leave()

    async def _tell(self, call: Call) -> None:
        """Says how it stands; that the stream broke is for who reads it to find."""
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            while not self._leaving:
                self._woken.clear()
                offered = self._offers.make(self.most - self._open)
                self._open += offered
                self._granted += offered
                await call.write(self._state.message(self._granted))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), TICK)
            await call.done_writing()

    def _take(self, pushed: AwaitUrgentResponse) -> None:
        for claimed in pushed.claimed:
            self._open -= 1
            claim = self._read(claimed, pushed.clock_ns / 1e9)
            if claim is None:
                self._offers.withdraw(1)
            else:
                self._offers.take(claim)
        if self._open <= self.most // 2:
            self._woken.set()
