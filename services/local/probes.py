"""Questions that tell whether a role is ready. A probe is given the role's pid and answers yes or no, at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from services.local.ports import HOST
from shared.rpc.identity import name_of

if TYPE_CHECKING:
    import grpc

    from services.local.plan import Plan

Probe = Callable[[int], Awaitable[bool]]

#: Longest wait for one answer, seconds; a probe that gets none says no and is asked again.
ANSWER_S = 2.0


def never(_plan: Plan) -> Probe:
    """For steps that run once: done is what counts, not ready."""

    async def probe(_pid: int) -> bool:
        return False

    return probe


def http(port: int, path: str) -> Probe:
    """Ready when ``GET path`` is answered with 200."""
    request = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()

    async def probe(_pid: int) -> bool:
        status_line = await _first_line(port, request)
        return status_line.split(b" ")[1:2] == [b"200"]

    return probe


def valkey_ping(port: int) -> Probe:
    """Ready when PING is answered: with PONG, or by the question for a password, which is asked once it serves."""

    async def probe(_pid: int) -> bool:
        return (await _first_line(port, b"PING\r\n")).startswith((b"+PONG", b"-NOAUTH"))

    return probe


def succeeds(command: Sequence[str], port: int) -> Probe:
    """Ready when ``command`` ends with status 0; not asked before something listens on ``port``."""

    async def probe(_pid: int) -> bool:
        if not await _listens(port):
            return False
        process = await asyncio.create_subprocess_exec(*command)
        return await process.wait() == 0

    return probe


def ready_file(path: Path) -> Probe:
    """Ready when the process, or one of its children, has written its pid there."""

    async def probe(pid: int) -> bool:
        try:
            written = await asyncio.to_thread(path.read_text)
            return os.getpgid(int(written)) == pid
        except (FileNotFoundError, ValueError, ProcessLookupError):
            return False

    return probe


def grpc_health(port: int, certificates: Path | None, role: str) -> Probe:
    """Ready when ``grpc.health.v1.Health/Check`` of the whole server says SERVING; by TLS if there are certificates."""

    async def probe(_pid: int) -> bool:
        return await _listens(port) and await _serving(port, certificates, role)

    return probe


async def _serving(port: int, certificates: Path | None, role: str) -> bool:
    # Imported here, while the roles are starting: it takes 0.2 s, which those who start need not wait for.
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    # A pool of its own: the shared one remembers failures of an earlier process on this port, and waits.
    options = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_http_proxy", 0),
        ("grpc.ssl_target_name_override", name_of(role)),
    ]
    place = f"{HOST}:{port}"
    async with (
        grpc.aio.secure_channel(place, _credentials(certificates), options=options)
        if certificates
        else grpc.aio.insecure_channel(place, options=options)
    ) as channel:
        try:
            answer = await health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=""), timeout=ANSWER_S
            )
        except grpc.aio.AioRpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _credentials(certificates: Path) -> grpc.ChannelCredentials:
    import grpc

    own = certificates / "client"
    authorities, key, chain = ((own / name).read_bytes() for name in ("ca.crt", "tls.key", "tls.crt"))
    return grpc.ssl_channel_credentials(authorities, key, chain)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(HOST, port), ANSWER_S)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def _first_line(port: int, request: bytes) -> bytes:
    """The first line of the answer to ``request``; empty when there is none."""
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(HOST, port), ANSWER_S)
    except (OSError, TimeoutError):
        return b""
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.readline(), ANSWER_S)
    except (OSError, TimeoutError):
        return b""
    finally:
        writer.close()
