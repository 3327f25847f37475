"""HTTP calls through requests that end by a deadline, over kept connections, and are made once."""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.ssl_ import create_urllib3_context

from services.delivery.providers.base import call
from services.delivery.providers.base.bounded_sockets import BoundedSocket, bounded_tls, connect
from services.delivery.providers.base.outgoing_proxies import proxies_for

#: How much of an answer is decoded at once, bytes.
_PIECE = 64 * 1024


class DeadlineAdapter(HTTPAdapter):
    """Every request ends by its call's deadline, carries the call's trace, and is never sent twice by itself.

    The SDKs know one time-out for all calls, apply it to connecting and to each read, and some retry; and they hide
    the answer's headers. Safe for several threads: each is in a call of its own.
    """

    def __init__(self, connections: int) -> None:
        self._tls = bounded_tls(create_urllib3_context())
        super().__init__(pool_connections=4, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._tls, **options)
        _bound(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return _bound(super().proxy_manager_for(proxy, ssl_context=self._tls, **options))

    def send(self, request: requests.PreparedRequest, stream: bool = False, **options: Any) -> requests.Response:  # type: ignore[override]
        """The answer, as a whole unless ``stream``; raises requests' exceptions, also for one that is too large."""
        under_way = call.current()
        under_way.begin_request()
        if under_way.traceparent:
            request.headers["traceparent"] = under_way.traceparent
        response = super().send(request, stream, **options)
        under_way.retry_after = response.headers.get("Retry-After")
        if not stream:
            response._content = _content(response)
        return response


class _BoundedHttp(HTTPConnection):
    def _new_conn(self) -> BoundedSocket:
        return _connected(self)


class _BoundedHttps(HTTPSConnection):
    def _new_conn(self) -> BoundedSocket:
        return _connected(self)


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _BoundedHttp


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _BoundedHttps


def _bound(manager: PoolManager) -> PoolManager:
    manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return manager


def _connected(connection: HTTPConnection) -> BoundedSocket:
    """A connection to where ``connection`` leads; raises what urllib3 raises where none can be made."""
    try:
        return connect(connection._dns_host, connection.port or connection.default_port)
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, str(error)) from error
    except OSError as error:
        raise NewConnectionError(connection, str(error)) from error


def _content(response: requests.Response) -> bytes:
    """The body without its encoding, which a small one may blow up; raises RequestException if it is too large."""
    content = bytearray()
    try:
        for piece in response.iter_content(_PIECE):
            content += piece
            if len(content) > call.LARGEST_ANSWER:
                raise requests.exceptions.ContentDecodingError("the answer is too large")
    except BaseException:
        response.close()
        raise
    return bytes(content)


def prepare_session(session: requests.Session, adapter: DeadlineAdapter, base_url: str) -> None:
    """Makes ``session`` use ``adapter`` for everything.

    The environment's proxies are looked up once, here: requests would do it, and look for a .netrc, at every call.
    """
    session.proxies = proxies_for(base_url)
    session.trust_env = False
    session.mount("http://", adapter)
    session.mount("https://", adapter)
