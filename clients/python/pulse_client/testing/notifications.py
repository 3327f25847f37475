"""NotificationService of a fake gateway: the real protocol over what is kept in memory."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator
from typing import Any, TypeVar

from pulse.common.v1 import enums_pb2, notification_pb2
from pulse.common.v1.notification_filter_pb2 import NotificationFilter
from pulse.gateway.v1 import notification_service_pb2 as pb
from pulse.gateway.v1 import notification_service_pb2_grpc
from pulse_client.testing.records import WAITING, Records, by_address, first_status
from pulse_client.testing.refusals import Refusal, Script, invalid, refusal
from pulse_client.testing.requests import Received, received

Answer = TypeVar("Answer")

#: Requests of one batch.
_MOST = 1_000
_PAGE = 50
#: A watch whose caller has gone is noticed after so long, s.
_LOOK_S = 0.2


class Notifications(notification_service_pb2_grpc.NotificationServiceServicer):
    """Accepts what a gateway would. ``templates``: those that there are, None: every one."""

    def __init__(self, templates: Collection[str] | None, api_key: str) -> None:
        self.records = Records()
        self.requests: list[Received] = []
        self.scripts: list[tuple[str, Script]] = []
        self._templates = templates
        self._api_key = api_key

    def SendNotification(self, request: pb.SendNotificationRequest, context: Any) -> pb.SendNotificationResponse:
        self._begin("SendNotification", context)
        result = self._accept(request, _header(context, "idempotency-key"))
        if isinstance(result, Refusal):
            result.abort(context)
        notification_id, status, replayed = result
        return pb.SendNotificationResponse(notification_id=notification_id, status=status, replayed=replayed)

    def BatchSendNotifications(
        self, request: pb.BatchSendNotificationsRequest, context: Any
    ) -> pb.BatchSendNotificationsResponse:
        self._begin("BatchSendNotifications", context)
        if not 1 <= len(request.requests) <= _MOST:
            invalid("requests", f"must have 1 to {_MOST:,}").abort(context)
        return pb.BatchSendNotificationsResponse(results=[self._result(one) for one in request.requests])

    def GetNotification(self, request: pb.GetNotificationRequest, context: Any) -> notification_pb2.Notification:
        self._begin("GetNotification", context)
        return self._of(request.notification_id, self.records.find, context)

    def ListNotifications(self, request: pb.ListNotificationsRequest, context: Any) -> pb.ListNotificationsResponse:
        self._begin("ListNotifications", context)
        found = [one for one in self.records.newest() if _is_wanted(one, request)]
        start = int(request.page_token) if request.page_token.isdigit() else 0
        end = start + (request.page_size or _PAGE)
        token = str(end) if end < len(found) else ""
        return pb.ListNotificationsResponse(notifications=found[start:end], next_page_token=token)

    def WatchNotification(
        self, request: pb.WatchNotificationRequest, context: Any
    ) -> Iterator[pb.WatchNotificationResponse]:
        self._begin("WatchNotification", context)
        notification_id = self._of(request.notification_id, self.records.find, context).notification_id
        for event in self.records.events(notification_id, request.after_sequence, _LOOK_S):
            if event is not None:
                yield pb.WatchNotificationResponse(event=event, status=event.status)
            elif not context.is_active():
                return

    def AcknowledgeNotification(
        self, request: pb.AcknowledgeNotificationRequest, context: Any
    ) -> notification_pb2.Notification:
        self._begin("AcknowledgeNotification", context)
        return self._of(request.notification_id, self.records.acknowledge, context)

    def CancelNotification(self, request: pb.CancelNotificationRequest, context: Any) -> notification_pb2.Notification:
        self._begin("CancelNotification", context)
        return self._of(request.notification_id, self.records.cancel, context)

    def CancelNotifications(
        self, request: pb.CancelNotificationsRequest, context: Any
    ) -> pb.CancelNotificationsResponse:
        self._begin("CancelNotifications", context)
        found = [one.notification_id for one in self.records.newest() if _is_meant(one, request.filter)]
        for notification_id in () if request.dry_run else found:
            self.records.cancel(notification_id)
        return pb.CancelNotificationsResponse(matched=len(found), cancelled=0 if request.dry_run else len(found))

    def _begin(self, method: str, context: Any) -> None:
        """Ends the call here for want of the key, or as the test's script says."""
        if self._api_key:
            given = _header(context, "authorization").removeprefix("Bearer ") or _header(context, "x-api-key")
            if given != self._api_key:
                reason = "API_KEY_UNKNOWN" if given else "API_KEY_MISSING"
                refusal(reason, "the API key is not known" if given else "this needs an API key").abort(context)
        if scripted := self._scripted(method, pb.SendNotificationRequest()):
            scripted.abort(context)

    def _scripted(self, method: str, request: pb.SendNotificationRequest) -> Refusal | None:
        for named, script in self.scripts:
            if named == method and script.times and script.matches(request):
                script.times -= 1
                return script.refusal
        return None

    def _result(self, request: pb.SendNotificationRequest) -> pb.BatchSendResult:
        result = self._accept(request)
        if isinstance(result, Refusal):
            return pb.BatchSendResult(error=result.status())
        notification_id, status, replayed = result
        return pb.BatchSendResult(notification_id=notification_id, status=status, replayed=replayed)

    def _accept(
        self, request: pb.SendNotificationRequest, header: str = ""
    ) -> tuple[str, enums_pb2.Status.ValueType, bool] | Refusal:
        try:
            made = self._accepted(request, header)
        except Refusal as refused:
            self.requests.append(received(request, "", refused.reason))
            return refused
        self.requests.append(received(request, made[0], ""))
        return made

    def _accepted(
        self, request: pb.SendNotificationRequest, header: str
    ) -> tuple[str, enums_pb2.Status.ValueType, bool]:
        """Id, status, and whether the key was known. Raises :class:`Refusal`."""
        key = _key(request, header)
        _check(request)
        if scripted := self._scripted("", request):
            raise scripted
        if self._templates is not None and request.template_name not in self._templates:
            raise refusal("TEMPLATE_NOT_FOUND", f"there is no template '{request.template_name}'")
        if request.validate_only:
            return "", first_status(request), False
        made, replayed = self.records.accept(request, key)
        return made.notification_id, made.status, replayed

    def _of(self, notification_id: str, do: Callable[[str], Answer], context: Any) -> Answer:
        try:
            uuid.UUID(notification_id)
        except ValueError:
            invalid("notification_id", "must be a valid UUID").abort(context)
        try:
            return do(notification_id)
        except Refusal as refused:
            refused.abort(context)


def _check(request: pb.SendNotificationRequest) -> None:
    """Raises :class:`Refusal` for what is missing, or said twice."""
    for field in ("user_id", "template_name"):
        if not getattr(request, field):
            raise invalid(field, "is required")
    if not request.to and (request.channel or by_address("")) != enums_pb2.PUSH:
        raise invalid("to", "is required")
    if request.HasField("expires_at") and request.HasField("ttl"):
        raise invalid("", "give expires_at or ttl, not both")


def _key(request: pb.SendNotificationRequest, header: str) -> str:
    if header and request.idempotency_key not in ("", header):
        description = "differs between the field and the Idempotency-Key header"
        raise refusal("IDEMPOTENCY_KEY_MISMATCH", description, code=invalid("", "").code)
    return header or request.idempotency_key


def _is_meant(found: notification_pb2.Notification, wanted: NotificationFilter) -> bool:
    """Whether it waits and is what a filter names; times are as good as now."""
    named = ("user_id", "channel", "template_name", "category", "idempotency_key")
    same = all(getattr(found, field) == value for field in named if (value := getattr(wanted, field)))
    return found.status in WAITING and same and wanted.metadata.items() <= found.metadata.items()


def _is_wanted(one: notification_pb2.Notification, request: pb.ListNotificationsRequest) -> bool:
    created = one.create_time.ToNanoseconds()
    return (
        request.user_id in ("", one.user_id)
        and request.status in (0, one.status)
        and request.channel in (0, one.channel)
        and request.template_name in ("", one.template_name)
        and (not request.HasField("created_after") or created >= request.created_after.ToNanoseconds())
        and (not request.HasField("created_before") or created < request.created_before.ToNanoseconds())
    )


def _header(context: Any, name: str) -> str:
    return next((str(value) for key, value in context.invocation_metadata() if key == name), "")
