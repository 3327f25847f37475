"""Every call that can be made, as a value: which method, with what, read how.

Both clients only carry these out, so nothing of the contract is written twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypedDict, TypeVar, Unpack

import grpc
from google.protobuf.message import Message

from pulse.common.v1 import enums_pb2, template_pb2
from pulse.gateway.v1 import notification_service_pb2, operations_service_pb2, template_service_pb2
from pulse.gateway.v1.attachment_service_pb2_grpc import AttachmentServiceStub
from pulse.gateway.v1.destination_service_pb2_grpc import DestinationServiceStub
from pulse.gateway.v1.event_service_pb2_grpc import EventServiceStub
from pulse.gateway.v1.fragment_service_pb2_grpc import FragmentServiceStub
from pulse.gateway.v1.notification_service_pb2_grpc import NotificationServiceStub
from pulse.gateway.v1.operations_service_pb2_grpc import OperationsServiceStub
from pulse.gateway.v1.recipient_service_pb2_grpc import RecipientServiceStub
from pulse.gateway.v1.sender_service_pb2_grpc import SenderServiceStub
from pulse.gateway.v1.subscription_service_pb2_grpc import SubscriptionServiceStub
from pulse.gateway.v1.template_service_pb2_grpc import TemplateServiceStub
from pulse_client import read
from pulse_client.enums import Channel, Priority, Status
from pulse_client.errors import PulseError
from pulse_client.models import Notification, Preview, QueueDepth, Sent, Statistics
from pulse_client.request import Built, Request, build
from pulse_client.template import CONTENT_TEXTS, TEXTS, Template, TemplateContent, said_of
from pulse_client.wire import number, to_duration, to_struct, to_timestamp, with_unknown

#: The stubs a client makes of its channel.
STUBS: tuple[Any, ...] = (
    NotificationServiceStub,
    TemplateServiceStub,
    OperationsServiceStub,
    RecipientServiceStub,
    AttachmentServiceStub,
    FragmentServiceStub,
    SenderServiceStub,
    EventServiceStub,
    SubscriptionServiceStub,
    DestinationServiceStub,
)
#: The one of them with ``WatchNotification``.
WATCH_STUB: Any = NotificationServiceStub
#: A batch is cut here too, well below what a gateway takes in one message, bytes.
BATCH_BYTES = 4 * 1024 * 1024

Result = TypeVar("Result")
Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Call(Generic[Result]):
    """One unary call: a stub's method, its request, and how its response is read."""

    stub: Any
    method: str
    request: Message
    read: Callable[[Any], Result]
    #: What it carries besides what all calls do.
    metadata: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Page(Generic[Entry]):
    """One page of a list, and the call for the one after it; None on the last."""

    entries: Sequence[Entry]
    after: Call[Page[Entry]] | None


def send(built: Built) -> Call[Sent]:
    """SendNotification."""
    metadata = (("traceparent", built.traceparent),) if built.traceparent else ()
    return Call(NotificationServiceStub, "SendNotification", built.message, read.sent, metadata)


def batches(requests: Iterable[Request], chunk: int) -> Iterator[list[Built]]:
    """Cuts requests into batches of at most ``chunk`` (1 to 1,000) and about 4 MiB."""
    if not 1 <= chunk <= 1000:
        raise ValueError("chunk must be 1 to 1,000")
    batch: list[Built] = []
    size = 0
    for request in requests:
        built = build(**request)
        if batch and (len(batch) == chunk or size + built.message.ByteSize() > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(built)
        size += built.message.ByteSize()
    if batch:
        yield batch


def send_batch(batch: Sequence[Built], gathered: bool = False) -> Call[list[Sent | PulseError]]:
    """BatchSendNotifications. ``gathered``: from several callers, so that each has a trace of its own."""
    traceparents = [built.traceparent for built in batch]
    request = notification_service_pb2.BatchSendNotificationsRequest(
        requests=[built.message for built in batch],
        traceparents=traceparents if gathered or any(traceparents) else (),
    )

    def results(response: notification_service_pb2.BatchSendNotificationsResponse) -> list[Sent | PulseError]:
        if len(response.results) != len(batch):
            message = "the gateway answered for another number of requests"
            raise PulseError(grpc.StatusCode.INTERNAL, "INTERNAL", message)
        return [read.result(result) for result in response.results]

    return Call(NotificationServiceStub, "BatchSendNotifications", request, results)


def get(notification_id: str) -> Call[Notification]:
    """GetNotification."""
    request = notification_service_pb2.GetNotificationRequest(notification_id=notification_id)
    return Call(NotificationServiceStub, "GetNotification", request, read.notification)


class Filters(TypedDict, total=False):
    """What ``list`` takes; each narrows it down further."""

    user_id: str
    status: Status | str | None
    channel: Channel | str | None
    template: str
    created_after: dt.datetime | None  # at or after; aware
    created_before: dt.datetime | None  # aware
    page_size: int  # notifications a call, 1 to 1,000; 0: the gateway's default


def list_notifications(**filters: Unpack[Filters]) -> Call[Page[Notification]]:
    """ListNotifications, first page. TypeError for a filter there is not."""
    unknown = filters.keys() - Filters.__annotations__.keys()
    if unknown:
        raise TypeError(f"there is no filter {', '.join(sorted(unknown))}")
    request = notification_service_pb2.ListNotificationsRequest(
        page_size=filters.get("page_size", 0),
        user_id=filters.get("user_id", ""),
        status=number(Status, enums_pb2.Status, filters.get("status")),
        channel=number(Channel, enums_pb2.Channel, filters.get("channel")),
        template_name=filters.get("template", ""),
        created_after=to_timestamp(filters.get("created_after")),
        created_before=to_timestamp(filters.get("created_before")),
    )
    return page(NotificationServiceStub, "ListNotifications", request, "notifications", read.notification)


def acknowledge(notification_id: str) -> Call[Notification]:
    """AcknowledgeNotification."""
    request = notification_service_pb2.AcknowledgeNotificationRequest(notification_id=notification_id)
    return Call(NotificationServiceStub, "AcknowledgeNotification", request, read.notification)


def cancel(notification_id: str) -> Call[Notification]:
    """CancelNotification."""
    request = notification_service_pb2.CancelNotificationRequest(notification_id=notification_id)
    return Call(NotificationServiceStub, "CancelNotification", request, read.notification)


def create_template(template: Template) -> Call[Template]:
    """CreateTemplate."""
    request = template_service_pb2.CreateTemplateRequest(template=_template(template))
    return Call(TemplateServiceStub, "CreateTemplate", request, read.template)


def update_template(template: Template, expected_version: int = 0) -> Call[Template]:
    """UpdateTemplate."""
    request = template_service_pb2.UpdateTemplateRequest(
        template=_template(template), expected_version=expected_version
    )
    return Call(TemplateServiceStub, "UpdateTemplate", request, read.template)


def get_template(name: str, version: int = 0) -> Call[Template]:
    """GetTemplate."""
    request = template_service_pb2.GetTemplateRequest(name=name, version=version)
    return Call(TemplateServiceStub, "GetTemplate", request, read.template)


def list_templates(channel: Channel | str | None = None, page_size: int = 0) -> Call[Page[Template]]:
    """ListTemplates, first page."""
    request = template_service_pb2.ListTemplatesRequest(
        channel=number(Channel, enums_pb2.Channel, channel), page_size=page_size
    )
    return page(TemplateServiceStub, "ListTemplates", request, "templates", read.template)


def delete_template(name: str) -> Call[None]:
    """DeleteTemplate."""
    request = template_service_pb2.DeleteTemplateRequest(name=name)
    return Call(TemplateServiceStub, "DeleteTemplate", request, lambda _empty: None)


def preview_template(
    name: str,
    context: Mapping[str, Any] | None = None,
    *,
    version: int = 0,
    channel: Channel | str | None = None,
    locale: str = "",
    draft: Sequence[TemplateContent] = (),
    template: Template | None = None,
    fill_missing: bool = False,
) -> Call[Preview]:
    """PreviewTemplate."""
    request = template_service_pb2.PreviewTemplateRequest(
        name=name,
        version=version,
        draft=[_content(content) for content in draft],
        context=to_struct(context),
        channel=number(Channel, enums_pb2.Channel, channel),
        locale=locale,
        template=_template(template) if template else None,
        fill_missing=fill_missing,
    )
    return Call(TemplateServiceStub, "PreviewTemplate", request, read.preview)


def queue_depths() -> Call[tuple[QueueDepth, ...]]:
    """GetQueueDepths."""
    request = operations_service_pb2.GetQueueDepthsRequest()
    return Call(OperationsServiceStub, "GetQueueDepths", request, read.queue_depths)


def statistics(window: dt.timedelta | None = None) -> Call[Statistics]:
    """GetStatistics."""
    request = operations_service_pb2.GetStatisticsRequest(window=to_duration(window))
    return Call(OperationsServiceStub, "GetStatistics", request, read.statistics)


def page(stub: Any, method: str, request: Any, field: str, read_entry: Callable[[Any], Entry]) -> Call[Page[Entry]]:
    """A call that lists: ``field`` of its response holds the entries."""

    def read_page(response: Any) -> Page[Entry]:
        entries = [read_entry(entry) for entry in getattr(response, field)]
        if not response.next_page_token:
            return Page(entries, None)
        following = type(request)()
        following.CopyFrom(request)
        following.page_token = response.next_page_token
        return Page(entries, page(stub, method, following, field, read_entry))

    return Call(stub, method, request, read_page)


def _template(template: Template) -> template_pb2.Template:
    made = template_pb2.Template(
        channel=number(Channel, enums_pb2.Channel, template.channel),
        priority=number(Priority, enums_pb2.Priority, template.priority),
        contents=[_content(content) for content in template.contents],
        digest_window=to_duration(template.digest_window),
        **{text: getattr(template, text) for text in TEXTS},
    )
    return with_unknown(made, template.unknown)


def _content(content: TemplateContent) -> template_pb2.TemplateContent:
    made = template_pb2.TemplateContent(
        channel=number(Channel, enums_pb2.Channel, content.channel),
        strings=content.strings,
        mjml=content.mjml,
        **{text: getattr(content, text) for text in CONTENT_TEXTS},
    )
    made.MergeFrom(said_of(content))
    return with_unknown(made, content.unknown)
