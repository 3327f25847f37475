"""The caller's end of one stream that is kept for unary calls."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

from pulse.rpc.v1.kept_stream_pb2 import ExchangeRequest, ExchangeResponse
from shared.rpc.kept.bounds import MOST_CALLS
from shared.rpc.statuses import DETAILS_KEY

Call = grpc.aio.StreamStreamCall[bytes, bytes]

_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


class KeptStream:
    """Has calls run at its other end, each with its number; :meth:`open` first, then :meth:`run` beside the calls.

    ``told_to_leave`` is called when the other end wants no more of them.
    """

    def __init__(self, call: Call, told_to_leave: Callable[[], None]) -> None:
        self._call = call
        self._told_to_leave = told_to_leave
        self._number = 0
        self._answers: dict[int, asyncio.Future[bytes]] = {}
        self._unsent: deque[bytes] = deque()
        self._sending: asyncio.Task[None] | None = None
        #: Whether it is to end: no more calls go by it.
        self.leaving = False
        #: The process at the other end, once it was opened.
        self.instance = ""

    @property
    def has_room(self) -> bool:
        """Whether another call may go by it."""
        return not self.leaving and len(self._answers) < MOST_CALLS

    async def open(self) -> None:
        """Returns when the other end has said who it is; raises ``grpc.aio.AioRpcError`` as it refuses."""
        raw = await self._call.read()
        if not isinstance(raw, bytes):
            raise _error(grpc.StatusCode.UNAVAILABLE)
        self.instance = ExchangeResponse.FromString(raw).welcome.instance

    async def run(self) -> None:
        """Takes answers in until the stream ends; what has none by then fails as when a call's connection breaks."""
        with contextlib.suppress(grpc.aio.AioRpcError):
            while isinstance(raw := await self._call.read(), bytes):
                self._take(ExchangeResponse.FromString(raw))

    def leave(self) -> None:
        """No more calls go by it, and it ends when those under way have their answers."""
        self.leaving = True
        self._close_if_idle()

    def end(self) -> None:
        """It ends now."""
        self.leaving = True
        self._call.cancel()
        for answer in self._answers.values():
            _fail(answer, grpc.StatusCode.UNAVAILABLE)

    async def call(self, method: str, message: bytes, seconds: float, traceparent: str = "") -> bytes:
        """The answer's bytes; raises ``grpc.aio.AioRpcError``, UNAVAILABLE too if the stream breaks."""
        self._number = number = self._number + 1
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()
        self._answers[number] = answer
        request = ExchangeRequest(
            number=number, method=method, message=message, timeout_us=int(seconds * 1e6), traceparent=traceparent
        )
        self._send(request)
        deadline = loop.call_later(seconds, _fail, answer, grpc.StatusCode.DEADLINE_EXCEEDED)
        try:
            return await answer
        finally:
            deadline.cancel()
            if self._answers.pop(number, None) is not None:
                self._send(ExchangeRequest(number=number, cancel=True))
            self._close_if_idle()

    def _take(self, said: ExchangeResponse) -> None:
        if said.leaving:
            self.leave()
            return self._told_to_leave()
        answer = self._answers.pop(said.number, None)
        if answer is None or answer.done():
            return None
        if said.HasField("error"):
            return answer.set_exception(_error(_CODES[said.error.code], said.error))
        return answer.set_result(said.message)

    def _send(self, request: ExchangeRequest) -> None:
        self._unsent.append(request.SerializeToString())
        if self._sending is None:
            # A task of its own: a caller that is cancelled while gRPC takes a message would end the stream.
            self._sending = asyncio.create_task(self._send_all())

    async def _send_all(self) -> None:
        """That the stream broke, whoever reads it finds."""
        try:
            with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                while self._unsent:
                    await self._call.write(self._unsent.popleft())
                if self.leaving and not self._answers:
                    await self._call.done_writing()
        finally:
            self._sending = None

    def _close_if_idle(self) -> None:
        if self.leaving and not self._answers and self._sending is None:
            self._sending = asyncio.create_task(self._send_all())


def _fail(answer: asyncio.Future[bytes], code: grpc.StatusCode) -> None:
    if not answer.done():
        answer.set_exception(_error(code))


def _error(code: grpc.StatusCode, status: Any = None) -> grpc.aio.AioRpcError:
    """As a unary call would raise it."""
    trailing = grpc.aio.Metadata() if status is None else grpc.aio.Metadata((DETAILS_KEY, status.SerializeToString()))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, "" if status is None else status.message)
