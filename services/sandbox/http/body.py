"""Request bodies, read with a bound."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

LARGEST_BODY = 1024 * 1024


class BodyTooLarge(Exception):
    """The body has more than :data:`LARGEST_BODY` bytes."""


async def read_body(request: Request) -> bytes:
    """The whole body; raises :class:`BodyTooLarge`."""
    body = b""
    async for chunk in request.stream():
        body = body + chunk if body else chunk
        if len(body) > LARGEST_BODY:
            raise BodyTooLarge
    return body


async def read_form(request: Request) -> dict[str, str]:
    """An ``application/x-www-form-urlencoded`` body; of a name given twice the last value counts."""
    body = await read_body(request)
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
