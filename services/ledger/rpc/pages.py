"""Pages as callers get them: no more rows than were asked for, no more bytes than every hop lets through, and none that
takes PostgreSQL long: its walk has an end, be it before a single row was found.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeVar

from google.protobuf.message import Message

from services.ledger.read.walks import Walk
from services.ledger.stores import paging
from services.ledger.stores.paging import AnyFilter

#: A page's rows, bytes. gRPC's own clients take 4 MiB, and the same in JSON is longer.
MOST_BYTES = 2 * 1024 * 1024
#: Before each row stands its field's number and its length, bytes at the most.
_AROUND = 6
#: Rows read at once: those that do not fit are read in vain.
_AT_ONCE = 100

Row = TypeVar("Row")
Shown = TypeVar("Shown", bound=Message)


class PageRequest(NamedTuple):
    """Up to ``size`` rows of those that are ``wanted``, from where the page ended that gave out ``token``."""

    wanted: AnyFilter
    size: int
    token: str


async def page(
    asked: PageRequest,
    read: Callable[[int, str], Awaitable[Sequence[Row]]],
    place: Callable[[Row], str],
    shown: Callable[[Row], Shown],
    at_once: int = _AT_ONCE,
    walk: Walk | None = None,
) -> tuple[list[Shown], str]:
    """The rows as they are shown, and the next page's token; empty: it is the last.

    ``read`` gives up to so many rows behind a place, fewer where there are no more or where its ``walk`` ends. A row is
    shown however large it is. Raises INVALID_ARGUMENT for a token of other filters.
    """
    last = paging.last(asked.token, asked.wanted)
    messages: list[Shown] = []
    room = MOST_BYTES
    while len(messages) < asked.size:
        count = min(at_once, asked.size - len(messages))
        # One more tells whether there is another page.
        found = await read(count + 1, last)
        for row in found[:count]:
            message = shown(row)
            room -= message.ByteSize() + _AROUND
            if messages and room < 0:
                return messages, paging.token(last, asked.wanted)
            messages.append(message)
            last = place(row)
        if len(found) <= count:
            return messages, paging.token(walk.end, asked.wanted) if walk and walk.end else ""
        if walk and walk.end:
            break
    return messages, paging.token(last, asked.wanted)


def newest(messages: Sequence[Shown]) -> list[Shown]:
    """The last of ``messages`` that fit on a page, in their order; one at the least."""
    room = MOST_BYTES
    for count, message in enumerate(reversed(messages)):
        room -= message.ByteSize() + _AROUND
        if count and room < 0:
            return list(messages[-count:])
    return list(messages)
