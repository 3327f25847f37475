"""Responses to operators as the client's own types."""

from __future__ import annotations

from pulse.common.v1 import enums_pb2, limit_pb2, provider_pb2
from pulse.gateway.v1 import notification_service_pb2, operations_service_pb2
from pulse_client.enums import BreakerOverride, BreakerState, Channel, LimitKind
from pulse_client.operations import Cancelled, Limit, ProviderState, Replay
from pulse_client.wire import length, name, time


def cancelled(answer: notification_service_pb2.CancelNotificationsResponse) -> Cancelled:
    """From CancelNotifications."""
    return Cancelled(answer.matched, answer.cancelled)


def replay(answer: operations_service_pb2.ReplayDeadLettersResponse) -> Replay:
    """From ReplayDeadLetters."""
    return Replay(answer.matched, answer.replayed, time(answer, "last_due_time"))


def limit(kept: limit_pb2.Limit) -> Limit:
    """From SetLimit and ListLimits."""
    return Limit(
        limit_id=kept.limit_id,
        kind=name(LimitKind, limit_pb2.Limit.Kind, kept.kind),
        subject=kept.subject,
        amount=kept.amount,
        window=length(kept, "window"),
        tenant_id=kept.tenant_id,
        actor=kept.actor,
        update_time=time(kept, "update_time"),
    )


def provider(state: provider_pb2.ProviderState) -> ProviderState:
    """From ListProviders and OverrideBreaker."""
    return ProviderState(
        provider=state.provider,
        channel=name(Channel, enums_pb2.Channel, state.channel),
        breaker=name(BreakerState, provider_pb2.BreakerState, state.breaker),
        reason=state.reason,
        since=time(state, "since"),
        override=name(BreakerOverride, provider_pb2.BreakerOverride, state.override),
        paused=state.paused,
        channel_paused=state.channel_paused,
        receipts_slow=state.receipts_slow,
        actor=state.actor,
        reachable=state.reachable,
        problem=state.problem,
        check_time=time(state, "check_time"),
    )
