"""The connection of :class:`pulse_client.aio.AsyncClient`, and how its methods make their calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self, TypeVar

import grpc
import grpc.aio

from pulse_client import calls, connection
from pulse_client.errors import from_rpc_error
from pulse_client.gather.tasks import AsyncGatherer
from pulse_client.gather.waiting import closed, is_urgent
from pulse_client.models import Sent
from pulse_client.request import Built

Result = TypeVar("Result")


class AsyncCalling:
    """Carries calls out; its subclasses have one method for each."""

    def __init__(
        self,
        address: str = "127.0.0.1:50051",
        api_key: str | None = None,
        timeout: float = 10.0,
        tls: bool | bytes | grpc.ChannelCredentials = False,
        proxy: bool = False,
        gather: bool = True,
    ) -> None:
        self.address = address
        secret = connection.credentials(tls)
        self._channel = (
            grpc.aio.secure_channel(address, secret, connection.options(proxy))
            if secret
            else grpc.aio.insecure_channel(address, connection.options(proxy))
        )
        self._stubs = {stub: stub(self._channel) for stub in calls.STUBS}
        self._metadata = connection.metadata(api_key)
        self._timeout = timeout
        #: For sends that say HIGH, and for all others.
        self._gatherers = (AsyncGatherer(self._call), AsyncGatherer(self._call)) if gather else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends calls under way and the connection."""
        for gatherer in self._gatherers or ():
            gatherer.close()
        await self._channel.close()
        for gatherer in self._gatherers or ():
            await gatherer.closed()

    async def _send(self, built: Built, timeout: float | None) -> Sent:  # noqa: ASYNC109  # gRPC's deadline
        """``timeout`` in s; None: the client's."""
        built = built.traced()
        if self._gatherers is None:
            return await self._call(calls.send(built), timeout)
        urgent, others = self._gatherers
        gatherer = urgent if is_urgent(built) else others
        return await gatherer.send(built, self._timeout if timeout is None else timeout)

    async def _call(self, call: calls.Call[Result], timeout: float | None = None) -> Result:  # noqa: ASYNC109
        """``timeout`` in s; None: the client's."""
        method = getattr(self._stubs[call.stub], call.method)
        try:
            answer = await method(
                call.request,
                timeout=self._timeout if timeout is None else timeout,
                metadata=(*self._metadata, *call.metadata),
            )
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise closed() from None  # nobody cancelled it: its channel was closed
        return call.read(answer)

    async def _pages(self, call: calls.Call[calls.Page[Result]]) -> AsyncIterator[Result]:
        following: calls.Call[calls.Page[Result]] | None = call
        while following:
            page = await self._call(following)
            for entry in page.entries:
                yield entry
            following = page.after
