"""Gateway: the public API, called for one credential."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import grpc
import grpc.aio

from pulse_client import connection
from pulse_client.calls import Call
from pulse_client.errors import PulseError, from_rpc_error
from shared.observe import tracing

Result = TypeVar("Result")

#: Longest wait for one answer, seconds: somebody is looking at the page.
ANSWER_S = 5.0


class LoginRequired(Exception):
    """The gateway does not know the API key, or not any more; ``error`` is its answer."""

    def __init__(self, error: PulseError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True)
class Gateway:
    """Calls for whoever holds ``api_key``; empty: for whom the gateway takes callers without one to be."""

    channel: grpc.aio.Channel
    api_key: str = ""

    def with_key(self, api_key: str) -> Gateway:
        """The same gateway, asked for somebody else."""
        return Gateway(self.channel, api_key)

    async def ask(self, call: Call[Result]) -> Result:
        """Carries one call out.

        Raises :class:`LoginRequired`, or :class:`pulse_client.PulseError` as the gateway raised it or as UNREACHABLE.
        """
        method = getattr(call.stub(self.channel), call.method)
        metadata = (*connection.metadata(self.api_key), *_traced())
        try:
            return call.read(await method(call.request, timeout=ANSWER_S, metadata=metadata))
        except grpc.aio.AioRpcError as error:
            refusal = from_rpc_error(error)
            if refusal.code is grpc.StatusCode.UNAUTHENTICATED:
                raise LoginRequired(refusal) from None
            raise refusal from None


def _traced() -> tuple[tuple[str, str], ...]:
    """The context of the page that the call is made for, if its trace is kept."""
    span = tracing.current()
    return (("traceparent", span.traceparent),) if span is not None and span.sampled else ()
