"""The server's end of streams that callers keep for their unary calls."""

from __future__ import annotations

import asyncio
import contextvars
import random
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from pulse.rpc.v1.kept_stream_pb2 import ExchangeRequest, ExchangeResponse, Welcome
from shared.errors import Code, PulseError
from shared.rpc import deadlines
from shared.rpc.channels import MAX_MESSAGE_BYTES
from shared.rpc.kept.bounds import KEPT, MOST_BYTES, MOST_CALLS
from shared.rpc.receiving import Context
from shared.rpc.statuses import to_status
from shared.rpc.unary_method import UnaryMethod, presentable

#: A stream lasts so long, s, give or take a tenth: its caller then shows its certificate again, and finds new replicas.
#: Shorter than a channel goes on after its certificate was renewed.
STREAM_SECONDS = 30.0
#: What an answer's number and the like add to it at the most, bytes.
_FRAME_BYTES = 64


class KeptStreams:
    """Serves them until ``closing`` is set: then each is told so, and ends when its caller has what was under way.

    ``find`` gives the handler of a method of the server's, ``guard`` has its calls run as if they came by themselves.
    """

    def __init__(
        self, closing: asyncio.Event, find: Callable[[str], Awaitable[Any]], guard: Callable[[Any, str], UnaryMethod]
    ) -> None:
        self._closing = closing
        self._find = find
        self._guard = guard
        self._instance = uuid.uuid4().hex
        self._methods: dict[str, UnaryMethod] = {}

    @property
    def handler(self) -> grpc.GenericRpcHandler:
        """For a server."""
        service, _, method = KEPT.removeprefix("/").partition("/")
        return grpc.method_handlers_generic_handler(
            service, {method: grpc.stream_stream_rpc_method_handler(self._serve)}
        )

    async def _serve(self, _: Any, context: Context) -> None:
        """One stream; raises INVALID_ARGUMENT for bytes that are no message of it."""
        stream = _Stream(context, self._method)
        leaving = asyncio.create_task(self._tell_of_end(stream))
        leaving.add_done_callback(_retrieve)
        try:
            await stream.say(ExchangeResponse(welcome=Welcome(instance=self._instance)))
            await stream.run()
        finally:
            leaving.cancel()
            stream.end()

    async def _method(self, name: str) -> UnaryMethod:
        method = self._methods.get(name)
        if method is None:
            handler = await self._find(name) if name.startswith("/pulse.") else None
            if handler is None or not handler.unary_unary:
                raise PulseError(Code.UNIMPLEMENTED, "NO_SUCH_METHOD", "the server has no such unary method")
            method = self._methods[name] = self._guard(handler, name)
        return method

    async def _tell_of_end(self, stream: _Stream) -> None:
        try:
            # A tenth apart, so that those of all callers do not end together.
            async with asyncio.timeout(STREAM_SECONDS * random.uniform(0.9, 1.1)):  # noqa: S311
                await self._closing.wait()
        except TimeoutError:
            pass
        await stream.say(ExchangeResponse(leaving=True))


class _Stream:
    """One of them, with the calls that are under way on it."""

    def __init__(self, context: Context, find: Callable[[str], Awaitable[UnaryMethod]]) -> None:
        self._context = context
        self._find = find
        self._authentication = context.auth_context()
        self._tasks: set[asyncio.Task[None]] = set()
        self._calls: dict[int, asyncio.Task[None]] = {}  # those that have no answer yet
        self._unsaid: deque[ExchangeResponse] = deque()
        self._saying = False

    async def run(self) -> None:
        """Returns when the caller has closed its side and has all answers."""
        while (raw := await self._context.read()) is not grpc.aio.EOF:
            self._take(_read(raw))
            if len(self._tasks) >= MOST_CALLS:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        if self._tasks:
            await asyncio.wait(self._tasks)

    def end(self) -> None:
        """Whoever called has gone: so end the calls."""
        for task in self._tasks:
            task.cancel()

    async def say(self, response: ExchangeResponse) -> None:
        """In turn: gRPC takes one message at a time."""
        self._unsaid.append(response)
        if self._saying:
            return
        self._saying = True
        try:
            while self._unsaid:
                await self._context.write(self._unsaid.popleft().SerializeToString())
        finally:
            self._saying = False

    def _take(self, request: ExchangeRequest) -> None:
        if request.cancel:
            if call := self._calls.pop(request.number, None):
                call.cancel()
            return
        # As if it had come by itself: it inherits nothing of the stream's.
        task = asyncio.create_task(self._serve(request), context=contextvars.Context())
        self._calls[request.number] = task
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        _retrieve(task)

    async def _serve(self, request: ExchangeRequest) -> None:
        task = self._calls[request.number]
        seconds = min(request.timeout_us / 1e6, deadlines.LONGEST)
        deadline = asyncio.get_running_loop().call_later(seconds, task.cancel)
        try:
            response = await self._answer(request)
        finally:
            deadline.cancel()
            self._calls.pop(request.number, None)
        await self.say(response)

    async def _answer(self, request: ExchangeRequest) -> ExchangeResponse:
        async def read() -> bytes:
            if len(request.message) > MOST_BYTES:
                raise _too_large("a request on a kept stream", MOST_BYTES)
            return request.message

        try:
            method = await self._find(request.method)
            said = _Said(self._authentication, request)
            answer = method.serialize(await method.call(said, read))
            if len(answer) > MAX_MESSAGE_BYTES - _FRAME_BYTES:
                raise _too_large("an answer", MAX_MESSAGE_BYTES - _FRAME_BYTES)
        except Exception as error:
            return ExchangeResponse(number=request.number, error=to_status(presentable(error, request.method)))
        return ExchangeResponse(number=request.number, message=answer)


def _retrieve(task: asyncio.Task[None]) -> None:
    """What a task failed with: its stream broke, and nobody is left to be told."""
    if not task.cancelled():
        task.exception()


class _Said:
    """What one call says of itself, as gRPC's context would."""

    def __init__(self, authentication: Any, request: ExchangeRequest) -> None:
        self._authentication = authentication
        self._request = request

    def auth_context(self) -> Any:
        return self._authentication

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return (("traceparent", self._request.traceparent),) if self._request.traceparent else ()

    def time_remaining(self) -> float:
        return self._request.timeout_us / 1e6


def _read(raw: bytes) -> ExchangeRequest:
    try:
        return ExchangeRequest.FromString(raw)
    except DecodeError:
        raise PulseError(Code.INVALID_ARGUMENT, "MALFORMED_MESSAGE", "the bytes sent are no message") from None


def _too_large(what: str, most: int) -> PulseError:
    return PulseError(
        Code.RESOURCE_EXHAUSTED,
        "MESSAGE_TOO_LARGE",
        f"{what} has at most {most} bytes",
        metadata={"limit_bytes": str(most)},
    )
