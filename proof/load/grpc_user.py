"""A Locust user that calls gRPC; Locust and its plugins bring none.

Whoever makes a channel must have called :func:`cooperate` before, once, after Locust has patched the process.
"""

from __future__ import annotations

import time
from typing import Any

import grpc
from google.protobuf.message import Message
from grpc.experimental import gevent as grpc_gevent
from locust import User
from locust.env import Environment

from pulse_client import connection


def cooperate() -> None:
    """Lets gRPC wait as gevent's greenlets do, in place of blocking them all."""
    grpc_gevent.init_gevent()


class GrpcUser(User):
    """Has a channel to ``host`` (host:port) and counts its calls among Locust's requests."""

    abstract = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.channel = grpc.insecure_channel(self.host or "", connection.options())

    def on_stop(self) -> None:
        self.channel.close()

    def call(self, stub_method: Any, request: Message, name: str, timeout: float = 10.0) -> Any | None:
        """The answer, None if the call failed; Locust is told either way. ``timeout`` in s."""
        began = time.perf_counter()
        answer: Message | None = None
        failure: grpc.RpcError | None = None
        try:
            answer = stub_method(request, timeout=timeout)
        except grpc.RpcError as error:
            failure = error
        self.environment.events.request.fire(
            request_type="grpc",
            name=name,
            response_time=(time.perf_counter() - began) * 1000,
            response_length=answer.ByteSize() if answer is not None else 0,
            exception=failure,
            context={},
        )
        return answer
