"""Protobuf to domain types, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pulse.common.v1 import asked_pb2, enums_pb2, notification_pb2, provider_pb2
from pulse.ledger.v1 import ledger_service_pb2, records_pb2
from services.delivery.rules.claim import ClaimedNotification, Device, Settlement
from services.delivery.rules.provider import (
    NO_COPIES,
    Cause,
    Copies,
    Outcome,
    OutcomeKind,
    RegisteredSender,
    Rejection,
)
from services.delivery.rules.provider_view import Avoided, BreakerOverride, Directive, ProviderView
from services.delivery.rules.receipts import Price, Receipt
from shared.channel.numbers import channel_of, number_of
from shared.channel.table import Channel
from shared.lane.names import Lane
from shared.lane.numbers import lane_of
from shared.observe.tracing import Span
from shared.refs import Ref
from shared.rpc.former import Former
from shared.saying.fields import of_asked
from shared.times import from_timestamp, to_duration, to_timestamp

_OUTCOMES = {kind: notification_pb2.TimelineEvent.Outcome.Value(kind.name) for kind in OutcomeKind}
_CAUSES = {cause: records_pb2.Cause.Value(cause.name) for cause in Cause}
_REJECTIONS = {rejection: records_pb2.Rejection.Value(rejection.name) for rejection in Rejection}
_OVERRIDES = {provider_pb2.BreakerOverride.Value(override.name): override for override in BreakerOverride}
#: What a provider says is kept up to so many characters, and so is not sent on at any length.
_LONGEST_NAME, _LONGEST_TEXT = 256, 1024


_DAY = 86_400.0

_FORMER = Former(records_pb2.ClaimedNotification)


def claim_request(worker_id: str, lease: float, refs: Sequence[Ref], avoid: Avoided) -> ledger_service_pb2.ClaimRequest:
    """A claim of ``refs`` for ``lease`` seconds, by any provider but those to ``avoid``."""
    return ledger_service_pb2.ClaimRequest(
        worker_id=worker_id,
        lease=to_duration(lease),
        refs=[records_pb2.NotificationRef(tenant_id=tenant, notification_id=id_) for tenant, id_ in refs],
        avoid_providers=sorted(avoid.by_all),
        avoid_for_tenants=[
            ledger_service_pb2.AvoidForTenant(tenant_id=tenant, provider=provider)
            for tenant, provider in sorted(avoid.by_tenant)
        ],
        reads_asked=True,
        reads_devices=True,
    )


def claim(claimed: records_pb2.ClaimedNotification, lease: float, asked_at: float, span: Span) -> ClaimedNotification:
    """What was claimed by a request made at ``asked_at`` (monotonic) for ``lease`` seconds.

    The ledger counted the lease from a moment after the request was made, so that ``asked_at + lease`` is no later
    than its end; by how much ``expires_at`` differs from ``lease_until`` says when that is.
    """
    lease_until = asked_at + lease
    expires_at = expires_time = None
    if claimed.HasField("expires_at"):
        expires_time = from_timestamp(claimed.expires_at)
        margin = expires_time - from_timestamp(claimed.lease_until)
        expires_at = lease_until + margin.total_seconds()
    created_at = from_timestamp(claimed.create_time)
    asked = _FORMER.asked(claimed)
    return ClaimedNotification(
        tenant_id=claimed.ref.tenant_id,
        notification_id=claimed.ref.notification_id,
        fence=claimed.fence,
        attempt=claimed.attempt,
        provider=claimed.provider,
        channel=channel_of(claimed.channel) or "",
        to=claimed.to,
        asked=asked,
        created_at=created_at,
        ready_at=from_timestamp(claimed.ready_time) if claimed.HasField("ready_time") else created_at,
        lease_until=lease_until,
        expires_at=expires_at,
        lane=lane_of(claimed.lane) or Lane.LOW,
        traceparent=claimed.traceparent,
        said=of_asked(asked),
        copies=_copies(asked.copies) if asked.HasField("copies") else NO_COPIES,
        sender=_sender(asked, claimed.channel),
        expires_time=expires_time,
        unsubscribable=claimed.unsubscribable,
        span=span,
        devices=[Device(one.device_token_id, one.token, one.provider, one.waits) for one in claimed.devices],
    )


def _copies(copies: asked_pb2.Copies) -> Copies:
    return Copies(tuple(copies.cc), tuple(copies.bcc))


def _sender(asked: asked_pb2.Asked, channel: int) -> RegisteredSender | None:
    for one in asked.senders:
        if one.channel == channel:
            return RegisteredSender(one.address, one.display_name, one.reply_to)
    return None


def settle_request(settlements: Sequence[Settlement]) -> ledger_service_pb2.SettleRequest:
    """A batch."""
    return ledger_service_pb2.SettleRequest(settlements=map(settlement, settlements))


def settlement(settled: Settlement) -> records_pb2.Settlement:
    """As the ledger takes it. Field by field: what is passed to a message when it is made is copied."""
    held, outcome = settled.claim, settled.outcome
    message = records_pb2.Settlement(fence=held.fence, outcome=_OUTCOMES[outcome.kind])
    message.ref.tenant_id, message.ref.notification_id = held.tenant_id, held.notification_id
    message.latency.seconds, message.latency.nanos = divmod(int(settled.latency * 1e9), 1_000_000_000)
    if held.span.sampled:
        message.traceparent = held.span.traceparent
    _add_outcome(message, outcome)
    for decided in outcome.told:
        message.decisions.add(rule=decided.rule, result=decided.result, reason=_text(decided.reason, _LONGEST_TEXT))
    for device, its, latency in settled.devices:
        part = message.devices.add(
            device_token_id=device.device_token_id, provider=device.provider, outcome=_OUTCOMES[its.kind]
        )
        part.latency.CopyFrom(to_duration(latency))
        _add_outcome(part, its)
    return message


def _add_outcome(message: records_pb2.Settlement | records_pb2.SettledDevice, outcome: Outcome) -> None:
    if outcome.provider_message_id:
        message.provider_message_id = _text(outcome.provider_message_id, _LONGEST_NAME)
    if outcome.code:
        message.failure.CopyFrom(_failure(outcome.code, outcome.message))
    if outcome.retry_after is not None:
        # More than a day is no less than the ledger's own bound; "not a number" asks for nothing.
        asked = 0.0 if math.isnan(outcome.retry_after) else min(max(outcome.retry_after, 0.0), _DAY)
        message.retry_after.CopyFrom(to_duration(asked))
    if outcome.kind is OutcomeKind.TRANSIENT_FAILURE:
        message.cause = _CAUSES[outcome.cause]
    if outcome.rejection is not None:
        message.rejection = _REJECTIONS[outcome.rejection]


def provider_receipt(receipt: Receipt) -> records_pb2.ProviderReceipt:
    """As the ledger takes it."""
    message = records_pb2.ProviderReceipt(
        ref=records_pb2.NotificationRef(tenant_id=receipt.tenant_id, notification_id=receipt.notification_id),
        provider=receipt.provider,
        provider_message_id=_text(receipt.provider_message_id, _LONGEST_NAME),
        status=enums_pb2.Status.Value(receipt.status),
    )
    if receipt.failure_code:
        message.failure.CopyFrom(_failure(receipt.failure_code, receipt.failure_message))
    if receipt.rejection is not None:
        message.rejection = _REJECTIONS[receipt.rejection]
    return message


def provider_price(price: Price) -> ledger_service_pb2.RecordPriceRequest:
    """As the ledger takes it."""
    return ledger_service_pb2.RecordPriceRequest(
        ref=records_pb2.NotificationRef(tenant_id=price.tenant_id, notification_id=price.notification_id),
        provider=price.provider,
        provider_message_id=_text(price.provider_message_id, _LONGEST_NAME),
        channel=number_of(Channel.named(price.channel)),
        price=notification_pb2.Price(amount=price.amount, currency=price.currency),
    )


def provider_states(worker_id: str, views: Sequence[ProviderView]) -> ledger_service_pb2.ExchangeProviderStatesRequest:
    """How a worker sees its providers; a state of which it knows nothing itself stays unspecified."""
    states = [
        provider_pb2.ProviderState(
            provider=view.provider,
            channel=number_of(Channel.named(view.channel)),
            breaker=provider_pb2.BreakerState.Value(view.state.name if view.state else "BREAKER_STATE_UNSPECIFIED"),
            reason=view.reason,
            since=to_timestamp(view.since),
        )
        for view in views
    ]
    return ledger_service_pb2.ExchangeProviderStatesRequest(worker_id=worker_id, states=states)


def directives(answer: ledger_service_pb2.ExchangeProviderStatesResponse) -> list[Directive]:
    """How all workers see their providers, and what operators decided."""
    return [
        Directive(
            provider=state.provider,
            others_open=state.breaker == provider_pb2.OPEN,
            override=_OVERRIDES.get(state.override, BreakerOverride.AUTOMATIC),
            paused=state.paused or state.channel_paused,
        )
        for state in answer.states
    ]


def _failure(code: str, message: str) -> notification_pb2.Failure:
    return notification_pb2.Failure(code=_text(code, _LONGEST_NAME), message=_text(message, _LONGEST_TEXT))


def _text(said: str, longest: int) -> str:
    """A provider's words as they can be sent: half a character must keep no batch of outcomes from the ledger."""
    return said[:longest].encode("utf-8", "replace").decode()
