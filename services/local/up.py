"""``pulse up``: the whole suite on one machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from services.local import leftovers, ports, progress, welcome
from services.local.config import LocalSettings
from services.local.errors import LocalError, StartFailed
from services.local.home import Home, checkout
from services.local.plan import Plan
from services.local.roles import Role, roles_for
from services.local.supervisor import Supervisor
from services.local.terminal import Terminal
from shared.clock import SystemClock
from shared.config import base_environment

#: A role drains for ``PULSE_DRAIN_SECONDS``; this much later it is ended, seconds.
STOP_MARGIN_S = 2.0


def run(settings: LocalSettings, roles: Sequence[Role] | None = None, console: Console | None = None) -> int:
    """Runs until a signal asks to stop; returns the exit status: 0, or that of what kept it from starting."""
    console = console or Terminal(soft_wrap=True)
    home = Home.of(settings)
    roles = roles_for(settings.auth) if roles is None else roles
    try:
        with home.claim():
            return asyncio.run(_run(_plan(settings, home, console), settings, roles, console))
    except StartFailed as failure:
        console.print(f"[bold red]{failure}[/]", highlight=False)
        if failure.tail:
            console.print(f"The last lines of {home.log(failure.role)}:", highlight=False)
            console.print(failure.tail, markup=False, highlight=False)
        return failure.status
    except LocalError as error:
        console.print(f"[bold red]{error}[/]", highlight=False)
        return error.status


def _plan(settings: LocalSettings, home: Home, console: Console) -> Plan:
    ended = leftovers.end(home)
    if ended:
        console.print(f"Ended {ended} process(es) that an earlier run had left behind.", highlight=False)
    chosen, notes = ports.choose(settings, home.data / "ports.json")
    for note in notes:
        console.print(f"[yellow]Note: {note}[/]", highlight=False)
    plan = Plan(
        home,
        chosen,
        base_environment(),
        checkout(),
        settings.drain_seconds + STOP_MARGIN_S,
        unsubscribe_key=home.secret("unsubscribe"),
        certificates=_certificates(home) if settings.local_tls else None,
    )
    for key in plan.overruled():
        console.print(f"[yellow]Note: {key} has no effect here: a local run brings its own servers[/]", highlight=False)
    return plan


def _certificates(home: Home) -> Path:
    """The folder of this run's certificates, made or renewed as need be."""
    from services.local import certificates  # by need: only those who ask for TLS wait for its library

    folder = home.data / "certificates"
    certificates.make(folder, SystemClock().now())
    return folder


async def _run(plan: Plan, settings: LocalSettings, roles: Sequence[Role], console: Console) -> int:
    def say(text: str) -> None:
        console.print(f"{time.strftime('%H:%M:%S')} {text}", markup=False, highlight=False)

    supervisor = Supervisor(roles, plan, say)
    asked = _stop_request(supervisor)
    began = time.monotonic()
    console.print(f"Starting Pulse in {plan.home.path}", highlight=False)
    try:
        async with progress.shown(list(supervisor.units.values()), console):
            if not await _unless(asked, supervisor.start()):
                return 0
        welcome.show(plan, console, time.monotonic() - began, settings.auth)
        await asked.wait()
        return 0
    finally:
        console.print("Stopping ... (Ctrl-C again: at once)" if asked.is_set() else "Stopping what was started ...")
        await supervisor.stop()
        console.print("Stopped.")


def _stop_request(supervisor: Supervisor) -> asyncio.Event:
    """An event that the first signal sets; a second one makes the supervisor stop without patience."""
    asked = asyncio.Event()

    def on_signal() -> None:
        if asked.is_set():
            supervisor.hurry.set()
        asked.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal)
    return asked


async def _unless(asked: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Awaits ``work`` and returns True, or cancels it and returns False once ``asked`` is set."""
    task = asyncio.create_task(work)
    waiter = asyncio.create_task(asked.wait())
    await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    if task.done():
        task.result()
        return True
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return False
