"""One role's process: started, asked whether it is ready, stopped; its log and pid file."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from services.local.errors import LocalError, StartFailed
from services.local.plan import Plan
from services.local.roles import Role
from services.local.status import RoleStatus, State

#: Between two questions whether a role is ready, seconds.
POLL_S = 0.03

#: Lines of a log that are shown when a role does not start.
TAIL_LINES = 20

LAUNCHER = str(Path(__file__).with_name("launch.py"))


class Unit:
    """A role and the process that plays it now. ``changed`` is called after each change of state."""

    def __init__(self, role: Role, plan: Plan, changed: Callable[[], None]) -> None:
        self.role = role
        self.plan = plan
        self.state = State.STOPPED
        self.began_at = 0.0  # of all that a start takes, preparation included
        self.started_at = 0.0  # of the process
        self.took_s = 0.0
        self._process: asyncio.subprocess.Process | None = None
        self._log_start = 0
        self._changed = changed

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    def status(self) -> RoleStatus:
        return RoleStatus(self.role.name, self.pid, self.state, self.plan.ports.address(self.role.port))

    def become(self, state: State) -> None:
        self.state = state
        self._changed()

    async def launch(self) -> None:
        """Starts the process; its output goes to the role's log, which is set aside first if it has grown long."""
        name = self.role.name
        self.plan.home.rotate_log(name)
        self.plan.home.ready_file(name).unlink(missing_ok=True)
        self.started_at = time.monotonic()
        with self.plan.home.log(name).open("ab") as log:
            self._log_start = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", LAUNCHER, str(int(self.role.orphan_signal)), str(os.getpid())),
                *self.role.command(self.plan),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.plan.root,
                env=self.plan.environment(name, self.role.environment(self.plan)),
                start_new_session=True,  # a Ctrl-C in the terminal is the supervisor's to pass on, in order
            )
        self.plan.home.pid_file(name).write_text(f"{self._process.pid}\n")
        self._changed()

    async def start(self) -> None:
        """Prepares, launches and waits until ready (a step: until done). Raises :class:`StartFailed`."""
        self.began_at = time.monotonic()
        self.become(State.STARTING)
        try:
            await asyncio.to_thread(self.role.prepare, self.plan)
            await self.launch()
            await self.until_ready()
        except (LocalError, OSError) as failure:
            self.become(State.FAILED)
            reason = failure.reason if isinstance(failure, StartFailed) else str(failure)
            raise StartFailed(self.role.name, reason, self.tail()) from None
        self.took_s = time.monotonic() - self.began_at
        self.become(State.DONE if self.role.once else State.READY)

    async def until_ready(self) -> None:
        """Returns once the probe says yes, or the step has ended well. Raises :class:`StartFailed` with the reason."""
        process = self._running()
        deadline = self.started_at + self.plan.ready_seconds
        ended = asyncio.ensure_future(process.wait())
        try:
            while not ended.done() and not await self._is_ready(process.pid):
                if time.monotonic() > deadline:
                    raise StartFailed(self.role.name, f"it was not ready after {self.plan.ready_seconds:g} s")
                await asyncio.wait({ended}, timeout=POLL_S)
        finally:
            ended.cancel()
        if process.returncode is not None:
            self._forget_pid()
            if not (self.role.once and process.returncode == 0):
                raise StartFailed(self.role.name, how_it_ended(process.returncode))

    async def until_ended(self) -> str:
        """Waits for the process to end; says how it did."""
        code = await self._running().wait()
        self._forget_pid()
        return how_it_ended(code)

    async def stop(self, hurry: asyncio.Event) -> None:
        """Asks the process to end, and ends it and all its children when ``hurry`` is set or time is up."""
        if self._process is None:
            return
        process = self._process
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(self.role.stop_signal)
            waits = {asyncio.ensure_future(process.wait()), asyncio.ensure_future(hurry.wait())}
            _, pending = await asyncio.wait(waits, timeout=self.plan.stop_seconds, return_when=asyncio.FIRST_COMPLETED)
            for wait in pending:
                wait.cancel()
        self.kill()
        await process.wait()
        self._forget_pid()
        if self.state is not State.FAILED:
            self.become(State.STOPPED)

    def kill(self) -> None:
        """Ends the process, and whatever of its session outlived it, without asking."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def tail(self) -> str:
        """The last lines that this process wrote to its log."""
        try:
            with self.plan.home.log(self.role.name).open("rb") as log:
                log.seek(self._log_start)
                lines = log.read().decode(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return "\n".join(lines[-TAIL_LINES:])

    async def _is_ready(self, pid: int) -> bool:
        return not self.role.once and await self.role.probe(self.plan)(pid)

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise StartFailed(self.role.name, "it has no process yet")
        return self._process

    def _forget_pid(self) -> None:
        self.plan.home.pid_file(self.role.name).unlink(missing_ok=True)
        self.plan.home.ready_file(self.role.name).unlink(missing_ok=True)


def how_it_ended(code: int) -> str:
    """A return code in words; negative ones are signals."""
    if code >= 0:
        return f"it ended with status {code}"
    try:
        return f"it was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"it was ended by signal {-code}"
