"""A router that answers and does nothing else, in a process of its own: ``python -m tests.support.peer ADDRESS``."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

from pulse.router.v1 import router_service_pb2 as pb
from pulse.router.v1 import router_service_pb2_grpc as rpc
from shared.rpc.serving import Server


class Router(rpc.RouterServiceServicer):
    async def Submit(self, request: pb.SubmitRequest, context: Any) -> pb.SubmitResponse:
        return pb.SubmitResponse()


async def serve(address: str) -> None:
    """Serves until SIGTERM; says "ready" once it does."""
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    server = Server(address, (), reflect=False, drain_seconds=2.0)
    rpc.add_RouterServiceServicer_to_server(Router(), server.grpc)
    await server.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await told.wait()
    await server.stop()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
