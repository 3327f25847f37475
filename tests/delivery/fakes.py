"""A ledger that holds what a test gives it, and a provider that does what a test says."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import grpc

from pulse.common.v1 import asked_pb2, enums_pb2, notification_pb2, provider_pb2, template_pb2
from pulse.ledger.v1 import (
    ledger_reader_pb2,
    ledger_reader_pb2_grpc,
    ledger_service_pb2,
    ledger_service_pb2_grpc,
    records_pb2,
)
from services.delivery.rules.provider import Outcome, Outgoing, succeeded
from shared.refs import Ref
from shared.rpc.serving import Server
from shared.times import to_timestamp

TENANT = "default"


def opened() -> asyncio.Event:
    """An event that is set."""
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class FakeLedger(ledger_service_pb2_grpc.LedgerServiceServicer, ledger_reader_pb2_grpc.LedgerReaderServicer):
    """Claims each due notification once, counts calls, and keeps settlements and receipts."""

    due: dict[Ref, records_pb2.ClaimedNotification] = field(default_factory=dict)
    routes: dict[Ref, list[str]] = field(default_factory=dict)
    settled: dict[str, records_pb2.Settlement] = field(default_factory=dict)
    held: dict[str, records_pb2.ClaimedNotification] = field(default_factory=dict)
    again: list[Ref] = field(default_factory=list)  # due again: to be woken for
    receipts: list[records_pb2.ProviderReceipt] = field(default_factory=list)
    template: template_pb2.Template = field(default_factory=lambda: template_of("Hello {{ name }}", "Hi {{ name }}!"))
    template_calls: int = 0
    template_given: asyncio.Event = field(default_factory=opened)
    claim_calls: int = 0
    settle_calls: int = 0
    settle_failures: int = 0
    claim_failures: int = 0
    claim_sizes: list[int] = field(default_factory=list)  # refs in each claim, in order
    answer_room: int = 1_000  # claims that one answer holds
    high_under_way: bool = False
    avoided: list[set[str]] = field(default_factory=list)  # by each claim, in order
    told: list[dict[str, str]] = field(default_factory=list)  # breaker states by provider, by each exchange
    answer: list[provider_pb2.ProviderState] = field(default_factory=list)  # to each exchange
    exchange_failures: int = 0
    former: bool = False  # it refuses to settle and claim at once, as one of the release before does
    refuses_by: grpc.StatusCode = grpc.StatusCode.UNIMPLEMENTED
    round_calls: int = 0
    refused_rounds: int = 0
    settle_error: grpc.StatusCode | None = None  # of settlements that come with a claim
    claim_error: grpc.StatusCode | None = None
    short_answers: int = 0  # to settlements, which it says nothing of
    answers: asyncio.Event | None = None  # claims are answered once it is set

    def add(
        self,
        to: str,
        *,
        provider: str = "smtp",
        channel: str = "EMAIL",
        then: Sequence[str] = (),
        tenant: str = TENANT,
        **more: object,
    ) -> Ref:
        """A due notification, for ``provider`` or, where that is to be avoided or fails, for those in ``then``."""
        ref = (tenant, str(uuid.uuid4()))
        self.routes[ref] = [provider, *then]
        context = more.pop("context", {"name": "Ada"})
        asked = {name: more.pop(name) for name in ("user_id", "subject", "locale", "category") if name in more}
        self.due[ref] = records_pb2.ClaimedNotification(
            ref=records_pb2.NotificationRef(tenant_id=ref[0], notification_id=ref[1]),
            fence=1,
            attempt=1,
            provider=provider,
            channel=enums_pb2.Channel.Value(channel),
            to=to,
            asked=asked_pb2.Asked(context_json=json.dumps(context), template_name="hello", template_version=1, **asked),
            create_time=to_timestamp(dt.datetime.now(dt.UTC)),
            **more,
        )
        return ref

    async def Claim(
        self, request: ledger_service_pb2.ClaimRequest, context: grpc.aio.ServicerContext
    ) -> ledger_service_pb2.ClaimResponse:
        self.claim_calls += 1
        self.claim_sizes.append(len(request.refs))
        if self.claim_failures:
            self.claim_failures -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "away")
        until = dt.datetime.now(dt.UTC) + request.lease.ToTimedelta()
        self.avoided.append(set(request.avoid_providers))
        claimed, left = [], []
        for ref in request.refs:
            key = (ref.tenant_id, ref.notification_id)
            for_it = [each.provider for each in request.avoid_for_tenants if each.tenant_id == ref.tenant_id]
            provider = self._provider(key, [*request.avoid_providers, *for_it])
            if provider and key in self.due and len(claimed) == self.answer_room:
                left.append(ref)
                continue
            held = self.due.pop(key, None) if provider else None
            if held is not None:
                held.provider = provider
                held.lease_until.CopyFrom(to_timestamp(until))
                self.held[ref.notification_id] = held
                claimed.append(held)
        if self.answers is not None:
            await self.answers.wait()
        return ledger_service_pb2.ClaimResponse(claimed=claimed, high_under_way=self.high_under_way, left=left)

    def _provider(self, ref: Ref, avoid: Sequence[str]) -> str:
        """The first of the route that is not to be avoided; one that is forced closed is not, as in the ledger."""
        forced = {each.provider for each in self.answer if each.override == provider_pb2.FORCED_CLOSED}
        return next((name for name in self.routes.get(ref, []) if name in forced or name not in avoid), "")

    async def Settle(
        self, request: ledger_service_pb2.SettleRequest, context: grpc.aio.ServicerContext
    ) -> ledger_service_pb2.SettleResponse:
        self.settle_calls += 1
        if self.settle_failures:
            self.settle_failures -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "away")
        if self.short_answers:
            self.short_answers -= 1
            return ledger_service_pb2.SettleResponse()
        for settlement in request.settlements:
            assert settlement.ref.notification_id not in self.settled
            if not self._goes_on(settlement):
                self.settled[settlement.ref.notification_id] = settlement
        results = [records_pb2.SettleResult(applied=True) for _ in request.settlements]
        return ledger_service_pb2.SettleResponse(results=results)

    async def SettleAndClaim(
        self, request: ledger_service_pb2.SettleAndClaimRequest, context: grpc.aio.ServicerContext
    ) -> ledger_service_pb2.SettleAndClaimResponse:
        if self.former:
            self.refused_rounds += 1
            await context.abort(self.refuses_by, "not both at once")
        if self.claim_failures:  # nothing was done then
            self.claim_failures -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "away")
        self.round_calls += 1
        response = ledger_service_pb2.SettleAndClaimResponse()
        if self.settle_error is not None:
            response.settle_error.code = self.settle_error.value[0]
        else:
            response.settled.CopyFrom(await self.Settle(request.settle, context))
        if self.claim_error is not None:
            response.claim_error.code = self.claim_error.value[0]
        else:
            response.claimed.CopyFrom(await self.Claim(request.claim, context))
        return response

    def _goes_on(self, settlement: records_pb2.Settlement) -> bool:
        """Makes it due again, at the next provider after a failure, if it has a route to go on with."""
        held = self.held.get(settlement.ref.notification_id)
        ref = (settlement.ref.tenant_id, settlement.ref.notification_id)
        going_on = (notification_pb2.TimelineEvent.RELEASED, notification_pb2.TimelineEvent.TRANSIENT_FAILURE)
        if held is None or len(self.routes.get(ref, [])) < 2 or settlement.outcome not in going_on:
            return False
        if settlement.outcome == notification_pb2.TimelineEvent.TRANSIENT_FAILURE:
            self.routes[ref].append(self.routes[ref].pop(0))
        self.due[ref] = held
        self.again.append(ref)
        return True

    async def ExchangeProviderStates(
        self, request: ledger_service_pb2.ExchangeProviderStatesRequest, context: grpc.aio.ServicerContext
    ) -> ledger_service_pb2.ExchangeProviderStatesResponse:
        self.told.append({each.provider: provider_pb2.BreakerState.Name(each.breaker) for each in request.states})
        if self.exchange_failures:
            self.exchange_failures -= 1
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "not yet")
        return ledger_service_pb2.ExchangeProviderStatesResponse(states=self.answer)

    async def RecordReceipts(
        self, request: ledger_service_pb2.RecordReceiptsRequest, context: grpc.aio.ServicerContext
    ) -> ledger_service_pb2.RecordReceiptsResponse:
        self.receipts.extend(request.receipts)
        return ledger_service_pb2.RecordReceiptsResponse()

    async def GetTemplate(
        self, request: ledger_reader_pb2.GetTemplateRequest, context: grpc.aio.ServicerContext
    ) -> ledger_reader_pb2.GetTemplateResponse:
        self.template_calls += 1
        await self.template_given.wait()
        return ledger_reader_pb2.GetTemplateResponse(template=self.template)

    def outcome(self, ref: Ref) -> str:
        """How the attempt ended, by name; empty while it has not."""
        settlement = self.settled.get(ref[1])
        return notification_pb2.TimelineEvent.Outcome.Name(settlement.outcome) if settlement else ""

    def failure(self, ref: Ref) -> str:
        return self.settled[ref[1]].failure.code


def template_of(subject: str, body: str, html_body: str = "") -> template_pb2.Template:
    contents = [template_pb2.TemplateContent(subject=subject, body=body, html_body=html_body)]
    return template_pb2.Template(name="hello", version=1, contents=contents)


async def serve(ledger: FakeLedger) -> Server:
    """Serves ``ledger`` on a free port."""
    server = Server("127.0.0.1:0", [], reflect=False, drain_seconds=0.1)
    ledger_service_pb2_grpc.add_LedgerServiceServicer_to_server(ledger, server.grpc)
    ledger_reader_pb2_grpc.add_LedgerReaderServicer_to_server(ledger, server.grpc)
    await server.start()
    return server


@dataclass
class FakeProvider:
    """Answers with ``answer``; remembers what it was given."""

    name: str = "smtp"
    channel: str = "EMAIL"
    concurrency: int = 16
    answer: Callable[[Outgoing], Awaitable[Outcome]] | None = None
    sent: list[Outgoing] = field(default_factory=list)

    async def send(self, outgoing: Outgoing, deadline: float) -> Outcome:
        self.sent.append(outgoing)
        return await self.answer(outgoing) if self.answer else succeeded("fake-1")

    async def close(self) -> None:
        pass
