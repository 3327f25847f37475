"""The ledger, as workers and receipts use it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Mapping, Sequence
from typing import TypeVar

import grpc.aio

from pulse.ledger.v1 import (
    ledger_reader_pb2,
    ledger_reader_pb2_grpc,
    ledger_service_pb2,
    ledger_service_pb2_grpc,
    records_pb2,
)
from services.delivery import wire
from services.delivery.rules.claim import Claimed, ClaimedNotification, Round, Settlement
from services.delivery.rules.provider_view import NONE_AVOIDED, Avoided, Directive, ProviderView
from services.delivery.rules.receipts import Price, Receipt
from services.delivery.spans import Spans
from shared.channel.numbers import number_of
from shared.channel.table import Channel
from shared.channel.texts import texts
from shared.errors import Code, PulseError
from shared.observe.logs import logger
from shared.refs import Ref
from shared.rpc.channels import call
from shared.rpc.statuses import from_status
from shared.text.rendering import CompiledTemplate

log = logger(__name__)

#: Longest call, s: a claim's answer is worth little once its lease has run that long.
CALL_SECONDS = 3.0
#: Longest settlement, s: cut off, it is rolled back and has to be done again, which helps a slow ledger least of all.
SETTLE_SECONDS = 10.0
#: A ledger that refuses the one call, as one of the release before does, is asked by two for so long, s.
FORMER_SECONDS = 60.0

#: Codes that another try of the same call cannot change.
HOPELESS = frozenset({Code.INVALID_ARGUMENT, Code.UNIMPLEMENTED, Code.PERMISSION_DENIED, Code.UNAUTHENTICATED})

NOTHING_CLAIMED = Claimed([], [])

Result = TypeVar("Result")


class LedgerClient:
    """Calls the ledger; every method raises :class:`shared.errors.PulseError`."""

    def __init__(self, channel: grpc.aio.Channel, *, worker_id: str, lease: float, spans: Spans | None = None) -> None:
        self._service: ledger_service_pb2_grpc.LedgerServiceAsyncStub = ledger_service_pb2_grpc.LedgerServiceStub(
            channel
        )
        self._reader: ledger_reader_pb2_grpc.LedgerReaderAsyncStub = ledger_reader_pb2_grpc.LedgerReaderStub(channel)
        self._worker_id = worker_id
        self._lease = lease
        self._spans = spans or Spans()
        self._apart_until = 0.0
        #: Whether the answer to the last claim said that HIGH notifications are under way.
        self.high_under_way = False

    async def round(self, settlements: Sequence[Settlement], refs: Sequence[Ref], avoid: Avoided) -> Round:
        """Settles, and claims what may be sent now of at most 1,000 ``refs``, by any provider but those to ``avoid``.

        Raises what both failed with. A ledger that refuses both together, as it is of the release before or for one of
        them, is asked by a call for each.
        """
        if not refs:
            return Round(await self.settle(settlements), NOTHING_CLAIMED)
        if not settlements:
            return Round((), await self.claim(refs, avoid))
        if time.monotonic() >= self._apart_until:
            try:
                return await self._at_once(settlements, refs, avoid)
            except PulseError as error:
                if error.code not in HOPELESS:
                    raise
                self._apart_until = time.monotonic() + FORMER_SECONDS
        return Round(await _or_error(self.settle(settlements)), await _or_error(self.claim(refs, avoid)))

    async def _at_once(self, settlements: Sequence[Settlement], refs: Sequence[Ref], avoid: Avoided) -> Round:
        asked_at = time.monotonic()
        request = ledger_service_pb2.SettleAndClaimRequest(
            settle=wire.settle_request(settlements), claim=wire.claim_request(self._worker_id, self._lease, refs, avoid)
        )
        answer = await call(self._service.SettleAndClaim, request, CALL_SECONDS)
        applied = from_status(answer.settle_error) if answer.HasField("settle_error") else _applied(answer.settled)
        if answer.HasField("claim_error"):
            return Round(applied, from_status(answer.claim_error))
        return Round(applied, self._claimed(answer.claimed, asked_at))

    async def claim(self, refs: Sequence[Ref], avoid: Avoided = NONE_AVOIDED) -> Claimed:
        """Those of at most 1,000 ``refs`` that may be sent now, by any provider but those to ``avoid``."""
        asked_at = time.monotonic()
        request = wire.claim_request(self._worker_id, self._lease, refs, avoid)
        return self._claimed(await call(self._service.Claim, request, CALL_SECONDS), asked_at)

    def _claimed(self, answer: ledger_service_pb2.ClaimResponse, asked_at: float) -> Claimed:
        self.high_under_way = answer.high_under_way
        claims = [read for claimed in answer.claimed if (read := self.read(claimed, asked_at)) is not None]
        return Claimed(claims, [(ref.tenant_id, ref.notification_id) for ref in answer.left])

    def read(self, claimed: records_pb2.ClaimedNotification, asked_at: float) -> ClaimedNotification | None:
        """What was claimed by a request of ``asked_at`` (monotonic).

        None for what cannot be read: its leases end, and with the last it; the others of its batch are sent.
        """
        span = self._spans.deliver(claimed.ref.notification_id, claimed.traceparent)
        try:
            return wire.claim(claimed, self._lease, asked_at, span)
        except Exception as error:
            log.error("a claim cannot be read", notification_id=claimed.ref.notification_id, exc_info=error)
            span.end("CLAIM_UNREADABLE")
            return None

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Whether each was applied: not if its lease was taken over."""
        return _applied(await call(self._service.Settle, wire.settle_request(settlements), SETTLE_SECONDS))

    async def template(self, tenant_id: str, name: str, version: int) -> CompiledTemplate:
        """One version, each of whose texts is parsed when it is first wanted."""
        request = ledger_reader_pb2.GetTemplateRequest(tenant_id=tenant_id, name=name, version=version)
        answer = await call(self._reader.GetTemplate, request, CALL_SECONDS)
        stored = answer.template
        return CompiledTemplate(texts(stored.contents, stored.default_locale), stored.default_locale, lazily=True)

    async def attachment(self, tenant_id: str, attachment_id: str) -> bytes:
        """The bytes of a tenant's file, at most 10 MiB."""
        request = ledger_reader_pb2.GetAttachmentRequest(
            tenant_id=tenant_id, attachment_id=attachment_id, with_content=True
        )
        return (await call(self._reader.GetAttachment, request, CALL_SECONDS)).content

    async def suppressed(self, claim: ClaimedNotification, addresses: Sequence[str]) -> Mapping[str, str]:
        """Which of some mail addresses nothing of the claim's category may go to now, each with the reason."""
        request = ledger_reader_pb2.FindSuppressedRequest(
            tenant_id=claim.tenant_id,
            channel=number_of(Channel.named(claim.channel)),
            category=claim.asked.category,
            addresses=addresses,
        )
        answer = await call(self._reader.FindSuppressed, request, CALL_SECONDS)
        return {one.address: one.reason for one in answer.suppressed}

    async def destination(self, tenant_id: str, name: str) -> bytes:
        """Where a destination leads, encrypted."""
        request = ledger_reader_pb2.GetDestinationRequest(tenant_id=tenant_id, name=name)
        return (await call(self._reader.GetDestination, request, CALL_SECONDS)).sealed

    async def exchange(self, views: Sequence[ProviderView]) -> list[Directive]:
        """Tells how this worker sees its providers; how all do, and what operators decided."""
        request = wire.provider_states(self._worker_id, views)
        return wire.directives(await call(self._service.ExchangeProviderStates, request, CALL_SECONDS))

    async def record_receipts(self, receipts: Sequence[Receipt]) -> None:
        """Repetitions and unknown notifications change nothing."""
        request = ledger_service_pb2.RecordReceiptsRequest(receipts=[wire.provider_receipt(each) for each in receipts])
        await call(self._service.RecordReceipts, request)

    async def record_price(self, price: Price) -> None:
        """A price that is known, or an unknown notification's, changes nothing."""
        await call(self._service.RecordPrice, wire.provider_price(price))


def _applied(answer: ledger_service_pb2.SettleResponse) -> list[bool]:
    return [result.applied for result in answer.results]


async def _or_error(answer: Awaitable[Result]) -> Result | PulseError:
    try:
        return await answer
    except PulseError as error:
        return error
