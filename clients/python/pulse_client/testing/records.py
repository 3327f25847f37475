"""Notifications that a fake gateway has accepted, and what happens to them."""

from __future__ import annotations

import secrets
import threading
import time
import uuid
from collections.abc import Iterator

from pulse.common.v1 import enums_pb2, notification_pb2
from pulse.gateway.v1 import notification_service_pb2 as pb
from pulse_client.testing.refusals import refusal
from pulse_client.testing.requests import fingerprint

Kind = notification_pb2.TimelineEvent.Kind
Status = enums_pb2.Status

#: It may still be taken back.
WAITING = (Status.SCHEDULED, Status.QUEUED, Status.RETRYING)
#: A watch goes on while it stands here.
UNDER_WAY = (*WAITING, Status.SENDING)
#: What an event that leads there is called; of the others an attempt's end.
_KINDS = {
    Status.SENDING: Kind.ATTEMPT_STARTED,
    Status.DELIVERED: Kind.RECEIPT,
    Status.UNDELIVERED: Kind.RECEIPT,
    Status.CANCELLED: Kind.CANCELLED,
    Status.EXPIRED: Kind.EXPIRED,
    Status.SUPPRESSED: Kind.SUPPRESSED,
    Status.SCHEDULED: Kind.DEFERRED,
}


class Records:
    """Keeps them in the order in which they were accepted; safe to use from several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._stored: dict[str, notification_pb2.Notification] = {}
        self._keys: dict[str, tuple[bytes, str]] = {}

    def accept(self, request: pb.SendNotificationRequest, key: str) -> tuple[notification_pb2.Notification, bool]:
        """What the request makes or, under a known ``key``, made before; whether it is such a repetition.

        Raises Refusal for a key that another request had.
        """
        mark = fingerprint(request)
        with self._changed:
            if key in self._keys:
                first, notification_id = self._keys[key]
                if first != mark:
                    raise refusal("IDEMPOTENCY_KEY_REUSED", "the idempotency key was used for another request")
                return _copy(self._stored[notification_id]), True
            made = _made(request, key)
            self._stored[made.notification_id] = made
            if key:
                self._keys[key] = mark, made.notification_id
            self._changed.notify_all()
            return _copy(made), False

    def find(self, notification_id: str) -> notification_pb2.Notification:
        """Raises Refusal for one that is not there."""
        with self._changed:
            return _copy(self._get(notification_id))

    def newest(self) -> list[notification_pb2.Notification]:
        """All, the newest first, without their timelines."""
        with self._changed:
            found = [_copy(one) for one in reversed(self._stored.values())]
        for one in found:
            one.ClearField("timeline")
        return found

    def happen(self, notification_id: str, status: Status.ValueType) -> notification_pb2.Notification:
        """One event that leads to ``status``; the notification after it. Raises Refusal."""
        with self._changed:
            stored = self._get(notification_id)
            if status == Status.SENDING:
                stored.attempt_count += 1
            event = stored.timeline.add(
                sequence=len(stored.timeline) + 1,
                kind=_KINDS.get(status, Kind.ATTEMPT_ENDED),
                status=status,
                attempt=stored.attempt_count,
            )
            event.time.GetCurrentTime()
            stored.status = status
            stored.update_time.CopyFrom(event.time)
            if status == Status.SENT:
                stored.sent_time.CopyFrom(event.time)
            if status == Status.DELIVERED:
                stored.delivered_time.CopyFrom(event.time)
            self._changed.notify_all()
            return _copy(stored)

    def cancel(self, notification_id: str) -> notification_pb2.Notification:
        """CANCELLED, or still so; raises Refusal once it is too late."""
        with self._changed:
            status = self._get(notification_id).status
        if status == Status.CANCELLED:
            return self.find(notification_id)
        if status not in WAITING:
            name = Status.Name(status)
            raise refusal("NOT_CANCELLABLE", f"it is {name}: only what waits to be sent can be cancelled")
        return self.happen(notification_id, Status.CANCELLED)

    def acknowledge(self, notification_id: str) -> notification_pb2.Notification:
        """DELIVERED, or still so; raises Refusal for what was never sent."""
        found = self.find(notification_id)
        if found.status == Status.DELIVERED:
            return found
        if not found.attempt_count and found.status != Status.SENT:
            raise refusal("NOT_SENT", "it was never sent")
        return self.happen(notification_id, Status.DELIVERED)

    def events(
        self, notification_id: str, after: int, look_s: float
    ) -> Iterator[notification_pb2.TimelineEvent | None]:
        """Events after that one as they happen, until it is at rest; None every ``look_s`` s while nothing does."""
        while True:
            with self._changed:
                stored = self._get(notification_id)
                if len(stored.timeline) <= after and stored.status in UNDER_WAY:
                    self._changed.wait(look_s)
                seen = _copy(stored)
            yield from seen.timeline[after:]
            after = max(after, len(seen.timeline))
            if seen.status not in UNDER_WAY:
                return
            yield None

    def _get(self, notification_id: str) -> notification_pb2.Notification:
        found = self._stored.get(notification_id.lower())
        if found is None:
            raise refusal("NOTIFICATION_NOT_FOUND", f"there is no notification '{notification_id}'")
        return found


def _made(request: pb.SendNotificationRequest, key: str) -> notification_pb2.Notification:
    status = first_status(request)
    made = notification_pb2.Notification(
        notification_id=_uuid7(),
        user_id=request.user_id,
        template_name=request.template_name,
        template_version=1,
        channel=request.channel or by_address(request.to),
        to=request.to,
        status=status,
        priority=request.priority or enums_pb2.LOW,
        locale=request.locale,
        metadata=request.metadata,
        delivery_guarantee=request.delivery_guarantee or enums_pb2.AT_LEAST_ONCE,
        idempotency_key=key,
        max_attempts=5,
        fallbacks=request.fallbacks,
    )
    for field in ("send_at", "expires_at"):
        if request.HasField(field):
            getattr(made, field).CopyFrom(getattr(request, field))
    event = made.timeline.add(sequence=1, kind=Kind.ACCEPTED, status=status)
    event.time.GetCurrentTime()
    made.create_time.CopyFrom(event.time)
    made.update_time.CopyFrom(event.time)
    return made


def first_status(request: pb.SendNotificationRequest) -> Status.ValueType:
    """SCHEDULED for one that asks for a time to come, else QUEUED."""
    is_later = request.HasField("send_at") and request.send_at.ToMilliseconds() > time.time() * 1000
    return Status.SCHEDULED if is_later else Status.QUEUED


def by_address(address: str) -> enums_pb2.Channel.ValueType:
    """What an address is that comes without a channel: its template would say."""
    if "@" in address:
        return enums_pb2.EMAIL
    return enums_pb2.SMS if address.startswith("+") else enums_pb2.PUSH


def _copy(one: notification_pb2.Notification) -> notification_pb2.Notification:
    made = notification_pb2.Notification()
    made.CopyFrom(one)
    return made


def _uuid7() -> str:
    """A UUID that begins with its time (RFC 9562, section 5.7)."""
    number = int(time.time() * 1000) << 80 | secrets.randbits(80)
    return str(uuid.UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62))
