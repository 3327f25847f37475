"""A gRPC server that can tell what runs a method: gRPC's own keeps that to itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import grpc
import grpc.aio


class ServedMethods(grpc.aio.Server):
    """``server``, whose interceptors after the first ones are ``interceptors``."""

    def __init__(self, server: grpc.aio.Server, interceptors: Sequence[grpc.aio.ServerInterceptor]) -> None:
        self._server = server
        self._interceptors = interceptors
        self._handlers: list[grpc.GenericRpcHandler] = []

    async def find(self, method: str) -> Any:
        """The handler of ``/package.Service/Method`` behind these interceptors; None: there is none."""
        look_up: Any = self._look_up
        for interceptor in reversed(self._interceptors):
            look_up = partial(interceptor.intercept_service, look_up)
        return await look_up(_Named(method))

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        added = list(generic_rpc_handlers)
        self._handlers += added
        self._server.add_generic_rpc_handlers(added)

    def add_insecure_port(self, address: str) -> int:
        return self._server.add_insecure_port(address)

    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> int:
        return self._server.add_secure_port(address, server_credentials)

    async def start(self) -> None:
        await self._server.start()

    async def stop(self, grace: float | None) -> None:
        await self._server.stop(grace)

    async def wait_for_termination(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 -- gRPC's
        return await self._server.wait_for_termination(timeout)

    async def _look_up(self, details: grpc.HandlerCallDetails) -> Any:
        return next(filter(None, (handler.service(details) for handler in self._handlers)), None)


class _Named(grpc.HandlerCallDetails):
    """What a method is looked up by."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.invocation_metadata = ()
