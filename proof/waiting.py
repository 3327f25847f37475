"""Waiting for what another process does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Result = TypeVar("Result")


async def until(question: Callable[[], Awaitable[Result]], patience_s: float, pause_s: float = 0.05) -> Result:
    """The first true answer, or the last one when ``patience_s`` is over."""
    deadline = time.monotonic() + patience_s
    while True:
        answer = await question()
        if answer or time.monotonic() > deadline:
            return answer
        await asyncio.sleep(pause_s)
