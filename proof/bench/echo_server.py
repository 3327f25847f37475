"""``python -m proof.bench.echo_server``: the floor of every accept, a gRPC server that answers what it is sent.

Writes its port on standard output and serves until it is ended.
"""

from __future__ import annotations

import sys
from typing import Any

import grpc.aio
import uvloop

METHOD = "/bench.Echo/Echo"


async def serve() -> None:
    """Never returns."""

    async def echo(request: bytes, _: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        return request

    server = grpc.aio.server()
    handlers: dict[str, Any] = {"Echo": grpc.unary_unary_rpc_method_handler(echo)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Echo", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve())
