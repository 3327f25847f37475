"""Waiting on conditions."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any


async def eventually(predicate: Callable[[], Any], timeout: float = 30.0) -> Any:
    """The predicate's first true answer (awaited if need be); fails when there is none within ``timeout`` s."""
    deadline = time.monotonic() + timeout
    while True:
        answer = predicate()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.02)
