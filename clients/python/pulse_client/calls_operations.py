"""Calls of operators: dead letters, limits, providers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TypedDict, Unpack

from pulse.common.v1 import enums_pb2, limit_pb2, provider_pb2
from pulse.common.v1.notification_filter_pb2 import NotificationFilter
from pulse.gateway.v1 import notification_service_pb2
from pulse.gateway.v1 import operations_service_pb2 as pb
from pulse.gateway.v1.notification_service_pb2_grpc import NotificationServiceStub
from pulse.gateway.v1.operations_service_pb2_grpc import OperationsServiceStub
from pulse_client import read
from pulse_client import read_operations as read_own
from pulse_client.calls import Call, Page, page
from pulse_client.enums import BreakerOverride, Channel, LimitKind, ReplayTemplate
from pulse_client.models import Notification
from pulse_client.operations import Cancelled, Limit, ProviderState, Replay
from pulse_client.wire import number, to_duration, to_timestamp


class Deaths(TypedDict, total=False):
    """Which dead letters are meant; each narrows it down further."""

    channel: Channel | str | None
    provider: str  # that refused them last
    failure_code: str  # that they failed with last
    died_after: dt.datetime | None  # at or after; aware
    died_before: dt.datetime | None  # aware


class Waiting(TypedDict, total=False):
    """Which of those that wait are meant; each narrows it down further, and one besides times is needed."""

    user_id: str
    channel: Channel | str | None
    template: str
    category: str
    idempotency_key: str
    metadata: Mapping[str, str]  # all of these entries
    created_after: dt.datetime | None  # at or after; aware
    created_before: dt.datetime | None  # aware


def cancel_many(dry_run: bool = False, **waiting: Unpack[Waiting]) -> Call[Cancelled]:
    """CancelNotifications. TypeError for a filter there is not."""
    _refuse_unknown(waiting, Waiting)
    wanted = NotificationFilter(
        user_id=waiting.get("user_id", ""),
        channel=number(Channel, enums_pb2.Channel, waiting.get("channel")),
        template_name=waiting.get("template", ""),
        category=waiting.get("category", ""),
        idempotency_key=waiting.get("idempotency_key", ""),
        metadata=waiting.get("metadata", {}),
        created_after=to_timestamp(waiting.get("created_after")),
        created_before=to_timestamp(waiting.get("created_before")),
    )
    request = notification_service_pb2.CancelNotificationsRequest(filter=wanted, dry_run=dry_run)
    return Call(NotificationServiceStub, "CancelNotifications", request, read_own.cancelled)


def list_dead_letters(page_size: int = 0, **deaths: Unpack[Deaths]) -> Call[Page[Notification]]:
    """ListDeadLetters, first page."""
    request = pb.ListDeadLettersRequest(filter=_filter(deaths), page_size=page_size)
    return page(OperationsServiceStub, "ListDeadLetters", request, "dead_letters", read.notification)


def replay_dead_letter(notification_id: str, template: ReplayTemplate | str | None = None) -> Call[Notification]:
    """ReplayDeadLetter."""
    request = pb.ReplayDeadLetterRequest(notification_id=notification_id, template=_version(template))
    return Call(OperationsServiceStub, "ReplayDeadLetter", request, read.notification)


def replay_dead_letters(
    rate: int = 0, dry_run: bool = False, template: ReplayTemplate | str | None = None, **deaths: Unpack[Deaths]
) -> Call[Replay]:
    """ReplayDeadLetters."""
    request = pb.ReplayDeadLettersRequest(
        filter=_filter(deaths), rate_per_second=rate, dry_run=dry_run, template=_version(template)
    )
    return Call(OperationsServiceStub, "ReplayDeadLetters", request, read_own.replay)


def list_limits(tenant_id: str = "") -> Call[tuple[Limit, ...]]:
    """ListLimits."""
    request = pb.ListLimitsRequest(tenant_id=tenant_id)
    return Call(
        OperationsServiceStub,
        "ListLimits",
        request,
        lambda answer: tuple(read_own.limit(limit) for limit in answer.limits),
    )


def set_limit(
    kind: LimitKind | str, amount: int, window: dt.timedelta | None = None, *, subject: str = "", tenant_id: str = ""
) -> Call[Limit]:
    """SetLimit."""
    limit = limit_pb2.Limit(
        kind=number(LimitKind, limit_pb2.Limit.Kind, kind),
        subject=subject,
        amount=amount,
        window=to_duration(window),
        tenant_id=tenant_id,
    )
    return Call(OperationsServiceStub, "SetLimit", pb.SetLimitRequest(limit=limit), read_own.limit)


def delete_limit(limit_id: str, tenant_id: str = "") -> Call[None]:
    """DeleteLimit."""
    request = pb.DeleteLimitRequest(limit_id=limit_id, tenant_id=tenant_id)
    return Call(OperationsServiceStub, "DeleteLimit", request, lambda _empty: None)


def list_providers() -> Call[tuple[ProviderState, ...]]:
    """ListProviders."""
    return Call(
        OperationsServiceStub,
        "ListProviders",
        pb.ListProvidersRequest(),
        lambda answer: tuple(read_own.provider(state) for state in answer.providers),
    )


def override_breaker(provider: str, override: BreakerOverride | str) -> Call[ProviderState]:
    """OverrideBreaker."""
    wanted = number(BreakerOverride, provider_pb2.BreakerOverride, override)
    request = pb.OverrideBreakerRequest(provider=provider, override=wanted)
    return Call(OperationsServiceStub, "OverrideBreaker", request, read_own.provider)


def pause(channel: Channel | str | None = None, provider: str = "") -> Call[None]:
    """PauseDelivery."""
    request = pb.PauseDeliveryRequest(channel=number(Channel, enums_pb2.Channel, channel), provider=provider)
    return Call(OperationsServiceStub, "PauseDelivery", request, lambda _empty: None)


def resume(channel: Channel | str | None = None, provider: str = "") -> Call[None]:
    """ResumeDelivery."""
    request = pb.ResumeDeliveryRequest(channel=number(Channel, enums_pb2.Channel, channel), provider=provider)
    return Call(OperationsServiceStub, "ResumeDelivery", request, lambda _empty: None)


def _version(template: ReplayTemplate | str | None) -> enums_pb2.ReplayTemplate.ValueType:
    version: enums_pb2.ReplayTemplate.ValueType = number(ReplayTemplate, enums_pb2.ReplayTemplate, template)
    return version


def _filter(deaths: Deaths) -> pb.DeadLetterFilter:
    """TypeError for a filter there is not."""
    _refuse_unknown(deaths, Deaths)
    return pb.DeadLetterFilter(
        channel=number(Channel, enums_pb2.Channel, deaths.get("channel")),
        provider=deaths.get("provider", ""),
        failure_code=deaths.get("failure_code", ""),
        died_after=to_timestamp(deaths.get("died_after")),
        died_before=to_timestamp(deaths.get("died_before")),
    )


def _refuse_unknown(given: Mapping[str, object], known: type) -> None:
    """TypeError for a filter there is not."""
    unknown = given.keys() - known.__annotations__.keys()
    if unknown:
        raise TypeError(f"there is no filter {', '.join(sorted(unknown))}")
