"""gRPC servers: the one place where their options, interceptors, health and draining stand."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from prometheus_client import CollectorRegistry

from shared.errors import PulseError
from shared.observe.metrics import Rpc, RpcMetrics
from shared.observe.request_log import RequestLog
from shared.processes.place import cannot_listen
from shared.rpc import deadlines, reflection
from shared.rpc.call_traces import UNTRACED, CallTraces
from shared.rpc.certificates import Certificates, Material
from shared.rpc.channels import MAX_MESSAGE_BYTES
from shared.rpc.few_streams import few
from shared.rpc.gate import Admit, admit, let_in
from shared.rpc.kept.server import KeptStreams
from shared.rpc.receiving import Context, Receive, receive
from shared.rpc.served_methods import ServedMethods
from shared.rpc.spare_memory import SpareMemory
from shared.rpc.statuses import to_status
from shared.rpc.tls_files import TlsFiles
from shared.rpc.unary_method import CANCELLED, OK, UnaryMethod, code_of, parsed, presentable

#: A caller's headers together, as HTTP/2 counts them: 32 bytes for each besides its name and value.
MAX_METADATA_BYTES = 32 * 1024

#: However long a caller would listen.
LONGEST_STREAM_SECONDS = 24 * 3600

OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # Equal, as gRPC refuses at random what lies between them. Twice what Envoy lets in, so that its own always fit.
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.max_concurrent_streams", 1_000),
    # A window stays at 64 KiB until a message is read: gRPC would open 4 MiB for each stream that nobody looked at yet.
    ("grpc.http2.bdp_probe", 0),
    # Calls that came in at once and were not begun yet. By default gRPC cancels some of them, whoever's they are, from
    # the thousandth on: a caller that opens many streams together would end others' calls.
    ("grpc.server.max_pending_requests", 20_000),
    ("grpc.server.max_pending_requests_hard_limit", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 3),
    ("grpc.keepalive_permit_without_calls", 1),
    # A caller that vanished without a word holds its streams no longer than this: by default two hours.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.http2.ping_timeout_ms", 20_000),
    # Callers look the address up again now and then, and so find replicas that were added.
    ("grpc.max_connection_age_ms", 300_000),
    # A stream stays on its old connection as long as it lasts: for its caller, nothing happened.
    ("grpc.max_connection_age_grace_ms", LONGEST_STREAM_SECONDS * 1_000),
]


class Guard(grpc.aio.ServerInterceptor):
    """Has every call of Pulse's methods run as :class:`UnaryMethod` says, and turns what it raises into a status."""

    def __init__(
        self,
        rpcs: RpcMetrics | None = None,
        admit: Admit = let_in,
        traces: CallTraces = UNTRACED,
        requests: RequestLog | None = None,
        take_in: Receive = receive,
    ) -> None:
        self._take_in = take_in
        self._rpcs = rpcs or RpcMetrics(CollectorRegistry())
        self._admit = admit
        self._traces = traces
        self._requests = requests
        self._guarded: dict[str, Any] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        method = str(handler_call_details.method)
        known = self._guarded.get(method)  # a handler stays the same as long as its server
        if known is not None:
            return known
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        guarded = self._guard(handler, method) if method.startswith("/pulse.") else few(handler)
        self._guarded[method] = guarded
        return guarded

    def _guard(self, handler: Any, method: str) -> Any:
        rpc, parse, serialize = self._rpcs.of(method), handler.request_deserializer, handler.response_serializer

        # Handlers of streams are asked before anything is read, so that a caller may be refused by its headers.
        async def message(context: Context) -> Any:
            return parsed(parse, await self._take_in(method, context))

        async def messages(raws: AsyncIterator[bytes], _: Context) -> Any:
            return _each(parse, raws)

        if handler.unary_unary:
            unary = _unary(self.unary(handler, method), self._take_in)
            return grpc.stream_unary_rpc_method_handler(unary, None, serialize)
        if handler.unary_stream:
            stream = _stream(handler.unary_stream, lambda _, said: message(said), method, rpc, self._admit)
            return grpc.stream_stream_rpc_method_handler(stream, None, serialize)
        if inspect.iscoroutinefunction(handler.stream_stream):
            exchange = _exchange(handler.stream_stream, method, rpc, self._admit)
            return grpc.stream_stream_rpc_method_handler(exchange)
        if handler.stream_stream:
            both = _stream(handler.stream_stream, messages, method, rpc, self._admit)
            return grpc.stream_stream_rpc_method_handler(both, None, serialize)
        return handler

    def unary(self, handler: Any, method: str) -> UnaryMethod:
        """The method, with what is done around its calls."""
        return UnaryMethod(method, handler, self._rpcs.of(method), self._admit, self._traces, self._requests)


def _unary(unary: UnaryMethod, take_in: Receive) -> Any:
    async def guarded(_: Any, context: Context) -> Any:
        try:
            return await unary.call(context, lambda: take_in(unary.name, context))
        except Exception as error:
            await _abort(context, error, unary.name)

    return guarded


def _stream(behaviour: Any, read: Callable[[Any, Context], Awaitable[Any]], method: str, rpc: Rpc, admit: Admit) -> Any:
    """``read`` makes what the behaviour is given of what came in."""

    async def guarded(raws: Any, context: Context) -> AsyncIterator[Any]:
        deadlines.start(context.time_remaining(), longest=LONGEST_STREAM_SECONDS)
        code = CANCELLED
        try:
            admit(method, context)
            async for response in behaviour(await read(raws, context), context):
                yield response
            code = OK
        except Exception as error:
            code = code_of(error, context)
            await _abort(context, error, method)
        finally:
            rpc.answered(code)

    return guarded


def _exchange(behaviour: Any, method: str, rpc: Rpc, admit: Admit) -> Any:
    """For a behaviour that itself reads and writes, in bytes."""

    async def guarded(raws: Any, context: Context) -> None:
        code = CANCELLED
        try:
            admit(method, context)
            await behaviour(raws, context)
            code = OK
        except Exception as error:
            code = code_of(error, context)
            await _abort(context, error, method)
        finally:
            rpc.answered(code)

    return guarded


async def _each(parse: Any, raws: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    async for raw in raws:
        yield parsed(parse, raw)


async def _abort(context: Context, error: Exception, method: str) -> None:
    """Ends the call."""
    if isinstance(error, grpc.aio.AbortError):
        raise error
    told = presentable(error, method)
    status = rpc_status.to_status(to_status(told))
    trailing = (*(context.trailing_metadata() or ()), *status.trailing_metadata, *_headers(told))
    context.set_trailing_metadata(trailing)
    await context.abort(status.code, status.details, trailing)


def _headers(error: PulseError) -> Iterator[tuple[str, str]]:
    """What REST shows as headers: when to come back, and the HTTP status if the error has one of its own."""
    if error.retry_after is not None:
        yield "retry-after", str(max(1, -int(-error.retry_after // 1)))
    if "http_status" in error.metadata:
        yield "x-http-code", error.metadata["http_status"]


class Server:
    """A gRPC server with health, graceful draining and, in development, reflection.

    With ``tls`` it takes calls by mutual TLS alone, and each only from a role that may make it (``callers``).
    ``health_listen`` is a second address, in the clear, where nothing but health is told. ``interceptors`` come after
    the guard. ``take_in`` reads the messages where callers are not trusted. ``leave_seconds``: before it stops, it says
    so for that long and goes on, until callers that ask for its health have turned elsewhere. ``shares_port``: other
    processes of its role listen on the same addresses. ``keeps_calls``: callers may have their calls share a stream
    that is kept. What gRPC has taken in but not begun is cancelled at a stop, drained or not.
    """

    def __init__(
        self,
        listen: str,
        service_names: Sequence[str],
        *,
        reflect: bool,
        drain_seconds: float,
        rpcs: RpcMetrics | None = None,
        tls: TlsFiles | None = None,
        health_listen: str = "",
        traces: CallTraces = UNTRACED,
        requests: RequestLog | None = None,
        interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
        take_in: Receive = receive,
        leave_seconds: float = 0.0,
        shares_port: bool = False,
        keeps_calls: bool = False,
    ) -> None:
        self._closing = asyncio.Event()
        guard = Guard(rpcs, admit if tls else let_in, traces, requests, take_in)
        server = grpc.aio.server(interceptors=[guard, *interceptors], options=_options(shares_port))
        self._grpc = ServedMethods(server, interceptors)
        if keeps_calls:
            self._grpc.add_generic_rpc_handlers([KeptStreams(self._closing, self._grpc.find, guard.unary).handler])
        self._spare_memory = SpareMemory()
        self._health = health.aio.HealthServicer()
        self._longest_stream: float = 0.9 * dict(OPTIONS)["grpc.max_connection_age_grace_ms"] / 1_000
        self._drain_seconds = drain_seconds
        self._leave_seconds = leave_seconds
        self._names = ["", *service_names]
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
        if reflect:
            reflection.enable([*service_names, health.SERVICE_NAME], self._grpc)
        self.port = self._listen(listen, tls)
        self._probed = _telling(self._health, health_listen, shares_port) if health_listen else None

    @property
    def longest_stream(self) -> float:
        """How long a stream may last, s, so that it ends itself and is not cut with its connection: in the middle of a
        REST answer, a connection's end would look like the answer's.
        """
        return self._longest_stream

    @property
    def closing(self) -> asyncio.Event:
        """Set when streams are to end, as calls in flight have only the time of draining left."""
        return self._closing

    @property
    def grpc(self) -> grpc.aio.Server:
        """To add servicers to."""
        return self._grpc

    async def start(self) -> None:
        """Serves, and says so on the health service."""
        await self._grpc.start()
        self._spare_memory.start()
        if self._probed:
            await self._probed.start()
        await self._set_health(health_pb2.HealthCheckResponse.SERVING)

    async def stop(self) -> None:
        """Says NOT_SERVING, lets calls in flight end, then closes."""
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        await asyncio.sleep(self._leave_seconds)
        self._closing.set()
        await self._grpc.stop(self._drain_seconds)
        await self._spare_memory.stop()
        if self._probed:
            await self._probed.stop(None)

    def _listen(self, address: str, tls: TlsFiles | None) -> int:
        credentials = _credentials(Certificates(tls)) if tls else None
        with _bound("PULSE_LISTEN", address):
            if credentials is None:
                return self._grpc.add_insecure_port(address)
            return self._grpc.add_secure_port(address, credentials)

    async def _set_health(self, status: Any) -> None:
        for name in self._names:
            await self._health.set(name, status)


def _options(shares_port: bool) -> list[tuple[str, Any]]:
    return [*OPTIONS, ("grpc.so_reuseport", int(shares_port))]


def _telling(servicer: health.aio.HealthServicer, address: str, shares_port: bool) -> grpc.aio.Server:
    """A server that tells its health, in the clear, and nothing else."""
    server = grpc.aio.server(options=_options(shares_port))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    with _bound("PULSE_HEALTH_LISTEN", address):
        server.add_insecure_port(address)
    return server


@contextlib.contextmanager
def _bound(setting: str, address: str) -> Iterator[None]:
    """gRPC says of an address that it cannot have no more than that."""
    try:
        yield
    except RuntimeError:
        raise cannot_listen(setting, address) from None


def _credentials(certificates: Certificates) -> grpc.ServerCredentials:
    """A certificate is asked of every caller; each new connection is shown the newest of ours."""

    def configuration(material: Material) -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration(
            [(material.key, material.certificate)], root_certificates=material.authorities
        )

    return grpc.dynamic_ssl_server_credentials(
        configuration(certificates.current()),
        lambda: configuration(certificates.current()),
        require_client_authentication=True,
    )
