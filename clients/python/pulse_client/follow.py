"""Following over streams that may break: where to go on, when, and when to give up."""

from __future__ import annotations

import random
import time

import grpc

from pulse.common.v1 import notification_pb2
from pulse.gateway.v1 import notification_service_pb2 as pb
from pulse_client import read
from pulse_client.errors import PulseError
from pulse_client.models import Event

#: Broken streams in a row, without an event between them, before it is given up.
MOST_FAILURES = 8
#: The pause before the first new stream is up to this; it doubles from one to the next, s.
BASE_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0


class BrokenStreams:
    """How often in a row a stream broke, and what follows from that."""

    def __init__(self) -> None:
        self._failures = 0

    def went_well(self) -> None:
        """Something came."""
        self._failures = 0

    def pause(self, error: PulseError) -> float:
        """How long to wait before the next stream, s; raises ``error`` if there is to be none.

        Exponential back-off with full jitter.
        """
        self._failures += 1
        if error.code is not grpc.StatusCode.UNAVAILABLE or self._failures > MOST_FAILURES:
            raise error
        return random.uniform(0, min(LONGEST_PAUSE_S, BASE_PAUSE_S * 2**self._failures))  # noqa: S311  # no secret


class Follow(BrokenStreams):
    """The state of one ``watch``; makes no call itself. ``timeout`` in s, over all streams; None: no end."""

    def __init__(self, notification_id: str, after_sequence: int, timeout: float | None) -> None:
        super().__init__()
        self._notification_id = notification_id
        self._sequence = after_sequence
        self._ends_at = None if timeout is None else time.monotonic() + timeout

    @property
    def request(self) -> pb.WatchNotificationRequest:
        """For the next stream: only what was not seen yet."""
        return pb.WatchNotificationRequest(notification_id=self._notification_id, after_sequence=self._sequence)

    @property
    def timeout(self) -> float | None:
        """For the next stream, s."""
        return None if self._ends_at is None else max(0.0, self._ends_at - time.monotonic())

    def seen(self, happened: notification_pb2.TimelineEvent) -> Event:
        """Takes note of an event that came."""
        self._sequence = happened.sequence
        self.went_well()
        return read.event(happened)
