"""HTTP faults: carries out a plan for the providers that speak HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.sandbox.faults import Fault, Plan
from services.sandbox.http.connection import drip, reset

#: Where the HTTP server leaves the connection's transport in the ASGI scope.
TRANSPORT = "pulse.transport"

NO_ANSWER = b"\x00\xff\xfe<<< not HTTP >>>\x00\r\n\r\n"

_OK = b"HTTP/1.1 200 OK\r\n"
#: What comes at once and what drips, by the part of the answer that does.
DRIPS = {
    "status": (b"", b"HTTP/1.1 200 OK."),
    "header": (_OK, b"X-Drip: ."),
    "body": (_OK + b"Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n", b"{ "),
}

#: How a provider words an error: a status or one of its own names, and seconds for Retry-After or None.
FaultResponse = Callable[[int | str, int | None], Response]


class BrokenAnswer(Response):
    """In place of an answer: silence, one without an end, a reset or bytes that are no HTTP; then it hangs up."""

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self._fault = fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport: asyncio.WriteTransport = scope[TRANSPORT]
        gone = asyncio.ensure_future(_disconnected(receive))
        if self._fault.effect == "hang":
            with contextlib.suppress(asyncio.CancelledError):  # a sandbox that stops ends the silence, not with a 500
                await asyncio.wait({gone}, timeout=self._fault.seconds)
        elif self._fault.effect == "drip":
            at_once, slowly = DRIPS[self._fault.at or "status"]
            transport.write(at_once)
            with contextlib.suppress(asyncio.CancelledError):  # as above
                await drip(transport, slowly, self._fault.drip_s)
        elif self._fault.effect == "garbage":
            transport.write(NO_ANSWER)
        if self._fault.effect == "reset":
            reset(transport)
        else:
            transport.close()
        await gone


async def answer(
    request: Request, plan: Plan, accept: Callable[[], Awaitable[Response]], refuse: FaultResponse
) -> Response:
    """The answer to one provider call; ``accept`` keeps the receipt and makes the ordinary one."""
    if plan.delay_s:
        await asyncio.sleep(plan.delay_s)
        if await request.is_disconnected():
            return Response(status_code=499)  # nobody reads it; what nobody waited for is not accepted
    fault = plan.fault
    if fault is None:
        return await accept()
    if fault.keeps_receipt:
        await accept()
    if fault.effect == "retry_after_s":
        return refuse(429, int(fault.value or 0))
    if fault.effect == "status" and fault.value is not None:
        return refuse(fault.value if isinstance(fault.value, str) else int(fault.value), None)
    return BrokenAnswer(fault)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
