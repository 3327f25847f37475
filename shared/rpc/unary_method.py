"""A server's unary method, and what is done around each call of it, however the call came."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from shared.errors import Code, PulseError
from shared.observe.logs import logger
from shared.observe.metrics import Rpc
from shared.observe.request_log import RequestLog
from shared.rpc import deadlines
from shared.rpc.call_traces import CallTraces
from shared.rpc.gate import Admit

OK = grpc.StatusCode.OK.name
#: What a call counts as whose caller has gone: nothing else ends it without an answer or an error.
CANCELLED = grpc.StatusCode.CANCELLED.name

log = logger(__name__)


class Said(Protocol):
    """What a call says of itself: gRPC's own context, or one call's of a kept stream."""

    def auth_context(self) -> Any: ...
    def invocation_metadata(self) -> Any: ...
    def time_remaining(self) -> float | None: ...
    def code(self) -> Any: ...


class UnaryMethod:
    """Runs ``behaviour``: each call within its deadline and trace, if it is admitted; counted, timed and logged."""

    def __init__(
        self,
        name: str,
        handler: Any,
        rpc: Rpc,
        admit: Admit,
        traces: CallTraces,
        requests: RequestLog | None = None,
    ) -> None:
        self.name = name
        self.serialize: Callable[[Any], bytes] = handler.response_serializer
        self._behaviour = handler.unary_unary
        self._parse = handler.request_deserializer
        self._rpc = rpc
        self._admit = admit
        self._traces = traces
        self._requests = requests

    async def call(self, said: Any, read: Callable[[], Awaitable[bytes]]) -> Any:
        """The answer to the message that ``read`` gives once the caller is let in; raises whatever comes instead."""
        began = time.perf_counter()
        deadlines.start(said.time_remaining())
        code = CANCELLED
        span = self._traces.begin(self.name, said)
        if self._requests:
            self._requests.begin()
        try:
            self._admit(self.name, said)
            answer = await self._behaviour(parsed(self._parse, await read()), said)
            code = OK
            return answer
        except Exception as error:
            code = code_of(error, said)
            raise
        finally:
            self._rpc.answered(code)
            took = time.perf_counter() - began
            self._rpc.took(took)
            if self._requests:
                self._requests.end(self.name, code, took)
            self._traces.end(span, code)


def parsed(parse: Callable[[bytes], Any], raw: bytes) -> Any:
    """The request; gRPC itself would answer UNKNOWN, with the parser's words, to bytes that are none."""
    try:
        return parse(raw)
    except DecodeError:
        raise PulseError(
            Code.INVALID_ARGUMENT, "MALFORMED_MESSAGE", "the bytes sent are no message of this method"
        ) from None


def code_of(error: Exception, said: Said) -> str:
    """Name of the status that the call is going to end with."""
    if isinstance(error, PulseError):
        return error.code.name
    if isinstance(error, grpc.aio.AbortError):
        return str(said.code().name)
    return Code.INTERNAL.name


def presentable(error: Exception, method: str) -> PulseError:
    """What a caller is told of it: an error that nobody foresaw is logged, and told without its text."""
    if isinstance(error, PulseError):
        return error
    log.error("unexpected error", method=method, exc_info=error)
    return PulseError(Code.INTERNAL, "INTERNAL", "something went wrong in Pulse; it was logged")
