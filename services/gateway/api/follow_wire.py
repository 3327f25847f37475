"""What is followed at the ledger, as it crosses the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from pulse.ledger.v1 import ledger_reader_pb2 as pb
from pulse.ledger.v1 import records_pb2
from services.gateway.api.watch import Ref

#: What is followed, and the last number that is known of it.
Place = tuple[Ref, int]


class FollowWire(NamedTuple):
    """One kind of streams that follow."""

    #: Names what is followed from here on, and what no more.
    request: Callable[[Sequence[Place], Sequence[Ref]], Any]
    #: What an answer tells.
    changed: Callable[[Any], Iterable[Place]]


def to_ref(ref: Ref) -> records_pb2.NotificationRef:
    """A notification's name as it crosses the wire."""
    tenant_id, notification_id = ref
    return records_pb2.NotificationRef(tenant_id=tenant_id, notification_id=notification_id)


def _of_notifications(followed: Sequence[Place], dropped: Sequence[Ref]) -> pb.FollowNotificationsRequest:
    places = [pb.TimelinePlace(ref=to_ref(ref), sequence=last) for ref, last in followed]
    return pb.FollowNotificationsRequest(followed=places, dropped=[to_ref(ref) for ref in dropped])


def _notifications(response: pb.FollowNotificationsResponse) -> Iterable[Place]:
    return [((place.ref.tenant_id, place.ref.notification_id), place.sequence) for place in response.changed]


def _of_feeds(followed: Sequence[Place], dropped: Sequence[Ref]) -> pb.FollowFeedsRequest:
    places = [pb.FeedPlace(tenant_id=tenant, transaction=last) for (tenant, _), last in followed]
    return pb.FollowFeedsRequest(followed=places, dropped=[tenant for tenant, _ in dropped])


def _feeds(response: pb.FollowFeedsResponse) -> Iterable[Place]:
    return [((place.tenant_id, ""), place.transaction) for place in response.changed]


NOTIFICATIONS = FollowWire(_of_notifications, _notifications)
#: Feeds are named by their tenants, and no notification.
FEEDS = FollowWire(_of_feeds, _feeds)
