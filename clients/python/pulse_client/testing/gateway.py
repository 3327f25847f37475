"""The fake gateway: a gRPC server of the public contract in this process, on a free port of the loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from concurrent import futures
from types import TracebackType

import grpc

from pulse.common.v1 import enums_pb2
from pulse.gateway.v1 import notification_service_pb2 as pb
from pulse.gateway.v1 import notification_service_pb2_grpc
from pulse_client import read
from pulse_client.enums import Status
from pulse_client.errors import Violation
from pulse_client.models import Notification
from pulse_client.testing.notifications import Notifications
from pulse_client.testing.refusals import Script, refusal
from pulse_client.testing.requests import Received
from pulse_client.wire import number

#: Calls that are served at once: each open watch is one.
_AT_ONCE = 32
_LARGEST_MESSAGE = 16 * 1024 * 1024


class FakeGateway:
    """Speaks the real protocol and sends nothing: for tests of programs that use Pulse.

    A context manager, ordinary or async, that serves at ``address`` within its block. It answers as a gateway does to
    send, batch, get, list, watch, cancel and acknowledge: a key's repetition gets the first answer, and another request
    under it is refused. It knows the ``templates`` named, or every one, and asks for ``api_key`` if there is one. A
    notification stays QUEUED until the test says what happens to it (:meth:`advance`). What it does not check is what
    takes a gateway's rules: addresses, the template's variables, limits; :meth:`refuse` scripts these.
    """

    def __init__(self, *, templates: Collection[str] | None = None, api_key: str = "", port: int = 0) -> None:
        self._service = Notifications(templates, api_key)
        self._server = grpc.server(
            futures.ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="fake-gateway"),
            options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", _LARGEST_MESSAGE)],
        )
        notification_service_pb2_grpc.add_NotificationServiceServicer_to_server(self._service, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port(f'127.0.0.1:{port}')}"

    @property
    def requests(self) -> Sequence[Received]:
        """Every request to send that came in, alone or in a batch, in order; those that were refused too."""
        return tuple(self._service.requests)

    @property
    def notifications(self) -> Sequence[Notification]:
        """What was accepted, the oldest first, each with its timeline."""
        records = self._service.records
        ids = [one.notification_id for one in reversed(records.newest())]
        return tuple(read.notification(records.find(one)) for one in ids)

    def refuse(
        self,
        reason: str,
        *,
        times: int = 1,
        user_id: str = "",
        to: str = "",
        template: str = "",
        method: str = "",
        message: str = "",
        code: grpc.StatusCode | None = None,
        hint: str = "",
        violations: Sequence[Violation] = (),
        retry_after: float | None = None,
    ) -> None:
        """Refuses the next ``times`` requests to send with ``reason``: of that user, address or template, if named.

        ``method`` ("GetNotification" say) refuses calls of that method instead; sends at the same time are a
        "BatchSendNotifications". A reason of
        :data:`pulse_client.testing.REASONS` brings its code, every other needs ``code`` (ValueError).
        ``retry_after`` is in seconds. A client itself tries again what is UNAVAILABLE, up to five times.
        """
        wanted = {"user_id": user_id, "to": to, "template_name": template}

        def matches(request: pb.SendNotificationRequest) -> bool:
            return all(getattr(request, field) == value for field, value in wanted.items() if value)

        said = refusal(reason, message, code, hint, tuple(violations), retry_after)
        self._service.scripts.append((method, Script(said, times, matches)))

    def advance(self, notification_id: str, *statuses: Status | str) -> Notification:
        """Has the notification come to each of ``statuses`` in turn; as it stands then. Who watches it is told.

        KeyError for one that is not there, ValueError for what is no status.
        """
        numbers = [number(Status, enums_pb2.Status, status) for status in statuses]
        if notification_id not in {one.notification_id for one in self.notifications}:
            raise KeyError(notification_id)
        for one in numbers:
            self._service.records.happen(notification_id, one)
        return read.notification(self._service.records.find(notification_id))

    def start(self) -> None:
        """Serves from now on."""
        self._server.start()

    def stop(self) -> None:
        """Ends what is under way, and serves no more."""
        self._server.stop(0).wait()

    def __enter__(self) -> FakeGateway:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    async def __aenter__(self) -> FakeGateway:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)
