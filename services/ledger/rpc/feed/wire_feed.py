"""The feed: from rows to protobuf, and what is asked for."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf import json_format

from pulse.common.v1 import event_pb2, notification_pb2
from pulse.ledger.v1 import ledger_reader_pb2 as pb
from services.ledger.read.feed.feed import Asked, FeedEvent
from services.ledger.rpc import wire_reads
from services.ledger.rpc.wire_enums import TO_STATUS
from services.ledger.rules.feed.event_types import TYPES
from shared.channel.numbers import number_of
from shared.errors import Violation, invalid
from shared.times import to_timestamp


def event(found: FeedEvent) -> event_pb2.Event:
    """As callers see it."""
    return event_pb2.Event(
        event_id=found.event_id,
        position=str(found.position),
        type=found.type,
        time=to_timestamp(found.recorded_at),
        notification_id=found.notification_id,
        data=_of_notification(found) if found.data is None else _told(found),
    )


def asked_of(request: pb.ListEventsRequest, walk: int) -> Asked:
    """Which part is wanted. Raises INVALID_ARGUMENT for a type that this release does not tell."""
    check_types(request.event_types, "event_types")
    return Asked(request.tenant_id, request.after, frozenset(request.event_types) or TYPES, walk)


def check_types(types: Iterable[str], field: str) -> None:
    """Raises INVALID_ARGUMENT for a type that this release does not tell."""
    for number, type_ in enumerate(types):
        if type_ not in TYPES:
            reason = f"is no type of events; there are {', '.join(sorted(TYPES))}"
            raise invalid([Violation(f"{field}[{number}]", reason)], "UNKNOWN_EVENT_TYPE")


def _of_notification(found: FeedEvent) -> event_pb2.EventData:
    return event_pb2.EventData(
        status=TO_STATUS[found.status],
        user_id=found.user_id,
        template_name=found.template_name,
        template_version=found.template_version,
        channel=number_of(found.channel),
        category=found.category,
        metadata=found.metadata,
        idempotency_key=found.idempotency_key,
        attempt=found.attempt,
        provider=found.provider,
        provider_message_id=found.provider_message_id,
        failure=wire_reads.failure(found.failure),
        decisions=[notification_pb2.Decision(**decision) for decision in found.decisions],
        actor=found.actor,
        trace_id=wire_reads.trace_id(found.traceparent),
    )


def _told(found: FeedEvent) -> event_pb2.EventData:
    """What a later release wrote, and this one does not know, is left out."""
    return json_format.ParseDict(dict(found.data or {}), event_pb2.EventData(), ignore_unknown_fields=True)
