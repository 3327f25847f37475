"""What the Twilio SDK sends its requests by."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from urllib.parse import urlencode

from twilio.http import AsyncHttpClient  # type: ignore[import-untyped]
from twilio.http.response import Response  # type: ignore[import-untyped]

from services.delivery.providers.base.call import current
from services.delivery.providers.base.http_client import HttpClient, target_of


class Transport(AsyncHttpClient):  # type: ignore[misc]
    """Our own connections, within the call that the task is in: its deadline counts. Logs nothing of a request."""

    def __init__(self, http: HttpClient) -> None:
        super().__init__(logging.getLogger(__name__), is_async=True)
        self._http = http

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # as the SDK calls it
        allow_redirects: bool = False,
    ) -> Response:
        """Raises what :meth:`HttpClient.request` does."""
        target = target_of(f"{uri}?{urlencode(params)}" if params else uri)
        login = {} if auth is None else {"Authorization": basic(*auth)}
        body = urlencode(data or {}, doseq=True).encode("ascii")
        answer = await self._http.request(current(), method, target, {**(headers or {}), **login}, body)
        return Response(answer.status, answer.body.decode("utf-8", "replace"), answer.headers)


def basic(user: str, password: str) -> str:
    """As a header says it (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode('ascii')}"
