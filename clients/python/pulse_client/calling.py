"""The connection of :class:`pulse_client.client.Client`, and how its methods make their calls."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self, TypeVar

import grpc

from pulse_client import calls, connection
from pulse_client.errors import from_rpc_error

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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends calls under way and the connection."""
        self._channel.close()

    def _call(self, call: calls.Call[Result]) -> Result:
        method = getattr(self._stubs[call.stub], call.method)
        try:
            return call.read(method(call.request, timeout=self._timeout, metadata=self._metadata))
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None

    def _pages(self, call: calls.Call[calls.Page[Result]]) -> Iterator[Result]:
        following: calls.Call[calls.Page[Result]] | None = call
        while following:
            page = self._call(following)
            yield from page.entries
            following = page.after
