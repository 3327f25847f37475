"""The connection of :class:`pulse_client.client.Client`, and how its methods make their calls."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self, TypeVar

import grpc

from pulse_client import calls, connection
from pulse_client.errors import from_rpc_error
from pulse_client.gather.threads import Gatherer
from pulse_client.gather.waiting import is_urgent
from pulse_client.models import Sent
from pulse_client.request import Built

Result = TypeVar("Result")


class Calling:
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
            grpc.secure_channel(address, secret, connection.options(proxy))
            if secret
            else grpc.insecure_channel(address, connection.options(proxy))
        )
        self._stubs = {stub: stub(self._channel) for stub in calls.STUBS}
        self._metadata = connection.metadata(api_key)
        self._timeout = timeout
        #: For sends that say HIGH, and for all others.
        self._gatherers = (Gatherer(self._call), Gatherer(self._call)) if gather else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends calls under way and the connection."""
        for gatherer in self._gatherers or ():
            gatherer.close()
        self._channel.close()

    def _send(self, built: Built, timeout: float | None) -> Sent:
        """``timeout`` in s; None: the client's."""
        built = built.traced()
        if self._gatherers is None:
            return self._call(calls.send(built), timeout)
        urgent, others = self._gatherers
        gatherer = urgent if is_urgent(built) else others
        return gatherer.send(built, self._timeout if timeout is None else timeout)

    def _call(self, call: calls.Call[Result], timeout: float | None = None) -> Result:
        """``timeout`` in s; None: the client's."""
        method = getattr(self._stubs[call.stub], call.method)
        try:
            answer = method(
                call.request,
                timeout=self._timeout if timeout is None else timeout,
                metadata=(*self._metadata, *call.metadata),
            )
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None
        return call.read(answer)

    def _pages(self, call: calls.Call[calls.Page[Result]]) -> Iterator[Result]:
        following: calls.Call[calls.Page[Result]] | None = call
        while following:
            page = self._call(following)
            yield from page.entries
            following = page.after
