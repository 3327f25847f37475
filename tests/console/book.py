"""What the fake services know, and what they were asked."""

from __future__ import annotations

from typing import Any

from grpc_status import rpc_status

from pulse.common.v1 import (
    destination_pb2,
    enums_pb2,
    fragment_pb2,
    limit_pb2,
    notification_pb2,
    provider_pb2,
    recipient_pb2,
    sender_pb2,
    template_pb2,
)
from shared.clock import SystemClock
from shared.errors import Code, PulseError, Violation, not_found
from shared.ids import uuid7
from shared.rpc.statuses import to_status

KEY = "operator-key"
Kind = notification_pb2.TimelineEvent.Kind
Outcome = notification_pb2.TimelineEvent.Outcome


class Book:
    """What the fake services know, and what they were asked."""

    def __init__(self) -> None:
        self.notifications: dict[str, notification_pb2.Notification] = {}
        self.templates: dict[str, list[template_pb2.Template]] = {}
        self.files: dict[str, bytes] = {}
        self.destinations: dict[str, destination_pb2.Destination] = {}
        self.senders: dict[str, sender_pb2.Sender] = {}
        self.fragments: dict[str, list[fragment_pb2.Fragment]] = {}
        self.requests: list[Any] = []
        self.traceparents: list[str] = []
        self.limits: dict[tuple[str, str], limit_pb2.Limit] = {}
        self.providers = {
            "smtp": provider_pb2.ProviderState(
                provider="smtp", channel=enums_pb2.EMAIL, breaker=provider_pb2.CLOSED, reachable=True
            ),
            "twilio": provider_pb2.ProviderState(
                provider="twilio", channel=enums_pb2.SMS, breaker=provider_pb2.OPEN, problem="connection refused"
            ),
        }
        self.preferences = recipient_pb2.Preferences(user_id="ann")
        self.suppressions: dict[str, recipient_pb2.Suppression] = {}
        self.devices: list[recipient_pb2.DeviceToken] = []
        #: What a preview tells besides, and what templates are refused for.
        self.preview: dict[str, Any] = {}
        self.violations: list[Violation] = []
        #: Secrets of sessions by their keys' ids, and why none can be begun.
        self.sessions: dict[str, str] = {}
        self.no_sessions: PulseError | None = None
        self.needs_key = False
        self.failure: PulseError | None = None

    def add(self, status: int = enums_pb2.SENT, **fields: Any) -> notification_pb2.Notification:
        """A notification whose timeline holds a bit of everything."""
        now = SystemClock().now()
        values = {"user_id": "ann", "template_name": "hello", "channel": enums_pb2.EMAIL, "to": "ann@example.com"}
        stored = notification_pb2.Notification(
            notification_id=uuid7(now), status=status, template_version=1, max_attempts=5, **{**values, **fields}
        )
        stored.create_time.FromDatetime(now)
        stored.update_time.FromDatetime(now)
        stored.trace_id = "0af7651916cd43dd8448eb211c80319c"
        accepted = stored.timeline.add(
            sequence=1, kind=Kind.ACCEPTED, status=enums_pb2.QUEUED, trace_id=stored.trace_id
        )
        accepted.decisions.add(rule="lane", result="LOW", reason="Nothing asks for haste.")
        ended = stored.timeline.add(
            sequence=2, kind=Kind.ATTEMPT_ENDED, status=status, attempt=1, provider="smtp", outcome=Outcome.SUCCEEDED
        )
        ended.latency.FromMilliseconds(12)
        for event in stored.timeline:
            event.time.FromDatetime(now)
        self.notifications[stored.notification_id] = stored
        return stored

    async def begin(self, request: Any, context: Any) -> None:
        """Keeps the request and its trace's context; refuses it without the key, or as ``failure`` says."""
        self.requests.append(request)
        metadata = dict(context.invocation_metadata())
        self.traceparents.append(metadata.get("traceparent", ""))
        given = metadata.get("authorization")
        accepted = [f"Bearer {secret}" for secret in (KEY, *self.sessions.values())]
        if self.needs_key and given not in accepted:
            await abort(context, PulseError(Code.UNAUTHENTICATED, "API_KEY_UNKNOWN", "the API key is not known"))
        if self.failure:
            await abort(context, self.failure)

    def asked(self, name: str) -> Any:
        """The last request of that type; None if there was none."""
        return next((one for one in reversed(self.requests) if type(one).__name__ == name), None)

    async def find(self, notification_id: str, context: Any) -> notification_pb2.Notification:
        if notification_id not in self.notifications:
            await abort(context, not_found("notification", notification_id))
        return self.notifications[notification_id]


async def abort(context: Any, error: PulseError) -> None:
    """Ends the call with this error."""
    status = rpc_status.to_status(to_status(error))
    await context.abort(status.code, status.details, status.trailing_metadata)
