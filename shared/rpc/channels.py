"""gRPC channels to other services: the one place where their options stand.

gRPC ignores a misspelt option in silence, so options are set nowhere else and their effect is tested.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc
import grpc.aio

from shared.observe import tracing
from shared.rpc import deadlines
from shared.rpc.certificates import Certificates, Material
from shared.rpc.identity import name_of
from shared.rpc.kept.channel import KeptChannel
from shared.rpc.renewed_channel import RenewedChannel
from shared.rpc.spread_channel import SpreadChannel
from shared.rpc.statuses import from_rpc_error
from shared.rpc.tls_files import TlsFiles

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
#: What is put together for one call weighs so much at the most: one request's size must not fail another.
MOST_BATCH_BYTES = MAX_MESSAGE_BYTES // 2

_SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                # Over about a second in all: a service that is restarted is not missed.
                "maxAttempts": 5,
                "initialBackoff": "0.1s",
                "maxBackoff": "0.5s",
                "backoffMultiplier": 2,
                # A server that begins to drain cancels what reaches it before its callers know: nobody looked at that.
                "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
            },
        }
    ],
    # Retries stop when half of a hundred calls failed lately: a server that is down is not hammered.
    "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
}

OPTIONS: list[tuple[str, Any]] = [
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.enable_retries", 1),
    # A peer that vanished without a word is missed within about a lease: what waits on it is sent anew.
    ("grpc.keepalive_time_ms", 8_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # Roles call each other directly, whatever proxy the environment names for the outside.
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2_000),  # despite its name: the least time an attempt to connect is given
    ("grpc.max_reconnect_backoff_ms", 500),
    # Who is there is asked again as soon as a peer is lost. By default gRPC waits half a minute after its last
    # question, and a caller that knew only peers that are gone would have none for so long.
    ("grpc.dns_min_time_between_resolutions_ms", 500),
]

#: Connections for each of several processes that share an address: which gets one is the kernel's to draw.
CONNECTIONS_OF_A_PROCESS = 4

Request = TypeVar("Request")
Response = TypeVar("Response")


def open_channel(
    address: str,
    tls: TlsFiles | None = None,
    to: str = "",
    *,
    own_connection: bool = False,
    processes: int = 1,
    keeps_calls: bool = False,
) -> grpc.aio.Channel:
    """A channel to ``host:port`` or any gRPC target; connects when first used and again when lost.

    With ``tls``, this role's certificate is shown, and the other end's must name the role ``to``, whatever the address.
    ``own_connection``: gRPC would have it share the connection, and so the bound on concurrent calls, of other channels
    to the same address. ``processes``: so many share the address, and more connections are made, so that each is likely
    to get some. ``keeps_calls``: unary calls share streams that are kept open, where the server lets them.
    Raises :class:`shared.config.ConfigError` if the files cannot be used.
    """
    if keeps_calls:
        channel = open_channel(address, tls, to, own_connection=own_connection, processes=processes)
        return KeptChannel(channel, connections_to(processes))
    if processes > 1:
        connections = connections_to(processes)
        return SpreadChannel([open_channel(address, tls, to, own_connection=True) for _ in range(connections)])
    options = [*OPTIONS, ("grpc.use_local_subchannel_pool", int(own_connection))]
    if tls is None:
        return grpc.aio.insecure_channel(address, options=options)
    options = [*options, ("grpc.ssl_target_name_override", name_of(to))]

    def open_with(material: Material) -> grpc.aio.Channel:
        credentials = grpc.ssl_channel_credentials(material.authorities, material.key, material.certificate)
        return grpc.aio.secure_channel(address, credentials, options=options)

    return RenewedChannel(Certificates(tls), open_with)


def connections_to(processes: int) -> int:
    """Connections by which each of so many processes that share an address is likely to be reached."""
    return processes * CONNECTIONS_OF_A_PROCESS if processes > 1 else 1


async def call(
    method: Callable[..., Awaitable[Response]], request: Request, longest: float = deadlines.LONGEST
) -> Response:
    """Calls a stub's unary method with what is left of the current deadline, at most ``longest`` s.

    Raises :class:`shared.errors.PulseError` as the server raised it.
    """
    span = tracing.current()
    traced = {"metadata": (("traceparent", span.traceparent),)} if span is not None and span.sampled else {}
    try:
        return await method(request, timeout=min(deadlines.remaining(), longest), **traced)
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from error
