"""Waiting for what another process does."""

from __future__ import annotations

import asyncio
import socket
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


def wait_until(condition: Callable[[], object], timeout: float = 20.0) -> None:
    """Returns once ``condition`` holds, for callers without a loop; TimeoutError after ``timeout`` s."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come about in time")
        time.sleep(0.02)


def accepts(port: int) -> bool:
    """Whether something listens on ``port`` of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
