"""Request bodies, read with a bound."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

LARGEST_BODY = 1024 * 1024


class BodyTooLarge(Exception):
    """The body has more bytes than may be; how many these are is its argument."""


async def read_body(request: Request, most: int = LARGEST_BODY) -> bytes:
    """The whole body, of at most so many bytes; raises :class:`BodyTooLarge`."""
    chunks, size = [], 0
    async for chunk in request.stream():
        chunks.append(chunk)
        size += len(chunk)
        if size > most:
            raise BodyTooLarge(most)
    return b"".join(chunks)


async def read_form(request: Request) -> dict[str, str]:
    """An ``application/x-www-form-urlencoded`` body; of a name given twice the last value counts."""
    body = await read_body(request)
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
