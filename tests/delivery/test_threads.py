"""Work that blocks, in threads that nobody has to wait for."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from typing import Any

import pytest

from services.delivery.config import DeliverySettings
from services.delivery.providers.base.call import calling, current
from services.delivery.providers.base.threads import Threads, TooManyHang
from services.delivery.providers.smtp.provider import SmtpProvider
from services.delivery.rules.provider import Outcome, OutcomeKind
from shared.clock import SystemClock
from tests.delivery.conftest import Sandbox
from tests.delivery.outgoing import outgoing, within
from tests.support import eventually


async def test_work_gives_what_it_makes_or_raises_and_knows_its_call() -> None:
    threads = Threads(1)
    with calling(within(), "00-trace") as call:
        assert await threads.run(current) is call
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)
    assert threads.at_work == 0


async def test_there_are_no_more_threads_than_may_be_and_what_came_too_late_is_discarded() -> None:
    opened = threading.Event()
    discarded: list[bool] = []
    threads = Threads(2)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await threads.run(lambda: opened.wait(30), discarded.append)
    with pytest.raises(TooManyHang):
        await threads.run(lambda: True)
    opened.set()
    await eventually(lambda: threads.at_work == 0)
    assert discarded == [True, True]
    assert await threads.run(lambda: True)


async def test_a_machine_without_room_for_a_thread_is_one_where_all_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = Threads(1)
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", _no_room)
        for _ in range(2):
            with pytest.raises(TooManyHang):
                await threads.run(lambda: True)
    assert threads.at_work == 0
    assert await threads.run(lambda: True)


def _no_room(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_a_process_does_not_wait_for_a_thread_that_hangs() -> None:
    program = """
import asyncio, threading
from services.delivery.providers.base.threads import Threads
async def main():
    try:
        async with asyncio.timeout(0.05):
            await Threads(1).run(threading.Event().wait)
    except TimeoutError:
        print("left")
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30, check=True)
    assert done.stdout == b"left\n"


async def test_a_name_server_that_is_silent_stops_no_mail_provider(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's resolver knows no deadline."""
    opened = threading.Event()
    asked: list[str] = []
    find = socket.getaddrinfo

    def hang(host: str, *arguments: Any, **options: Any) -> Any:
        asked.append(host)
        if len(asked) <= 4:
            opened.wait(30)
        return find("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    settings = DeliverySettings(smtp_host="mail.example", smtp_port=sandbox.smtp_port, smtp_connections=2)
    made = SmtpProvider.from_settings(settings, SystemClock())

    async def ended(seconds: float) -> list[tuple[OutcomeKind, str]]:
        outcomes: list[Outcome] = await asyncio.gather(*(made.send(outgoing(), within(seconds)) for _ in range(2)))
        return [(outcome.kind, outcome.code) for outcome in outcomes]

    for _ in range(2):
        assert await ended(0.1) == [(OutcomeKind.TRANSIENT_FAILURE, "CALL_OVERDUE")] * 2
    assert await ended(5) == [(OutcomeKind.RELEASED, "PROVIDER_STALLED")] * 2, "it was not called"
    opened.set()
    await eventually(lambda: made._threads.at_work == 0)
    assert await ended(5) == [(OutcomeKind.SUCCEEDED, "")] * 2
    await made.close()
