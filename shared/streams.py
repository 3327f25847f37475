"""Streams that end before their source does."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

Item = TypeVar("Item")


async def until(
    event: asyncio.Event, seconds: float, source: AsyncIterator[Item], error: Exception
) -> AsyncGenerator[Item, None]:
    """What ``source`` gives, until ``event`` is set or ``seconds`` are over: then raises ``error``, even as it waits.

    A step of ``source`` that is under way is cancelled. All steps run in one context, as if it were iterated directly.
    """
    context = contextvars.copy_context()
    ends_at = time.monotonic() + seconds
    stop = asyncio.ensure_future(event.wait())
    step: asyncio.Task[Item] | None = None
    try:
        while True:
            step = asyncio.create_task(_next(source), context=context)
            left = max(0.0, ends_at - time.monotonic())
            await asyncio.wait({step, stop}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not step.done():
                raise error
            try:
                item = step.result()
            except _Ended:
                return
            yield item
    finally:
        stop.cancel()
        if step is not None and not step.done():
            step.cancel()
            with contextlib.suppress(asyncio.CancelledError, _Ended):
                await step


class _Ended(Exception):
    """A source has ended: a task cannot raise StopAsyncIteration."""


async def _next(source: AsyncIterator[Item]) -> Item:
    try:
        return await anext(source)
    except StopAsyncIteration:
        raise _Ended from None
