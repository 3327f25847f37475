"""The supervisor, with small real processes as roles."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal

import pytest

from services.local import status
from services.local.errors import StartFailed
from services.local.roles import Role
from services.local.status import State
from services.local.supervisor import Supervisor
from tests.support import eventually

NEVER_STOPS = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"


async def test_roles_start_after_those_they_need_and_stop_before_them(plan, supervised, stand_in):
    note = "import signal, sys\ndef end(*_): print('{0}', file=open('{1}', 'a'), flush=True); sys.exit()\n"
    order = plan.home.data / "order"
    code = (
        note + "signal.signal(signal.SIGTERM, end); print('{0} up', file=open('{1}', 'a'), flush=True); signal.pause()"
    )

    def is_up(name: str):
        async def probe(_pid: int) -> bool:
            return order.exists() and f"{name} up" in order.read_text()

        return lambda _plan: probe

    def role(name: str, **needs: tuple[str, ...]):
        return stand_in(name, code.format(name, order), probe=is_up(name), **needs)

    async with supervised(
        role("front", after=("middle",), uses=("middle",)),
        role("middle", after=("store",), uses=("store",)),
        role("store"),
    ):
        assert order.read_text().split("\n")[:3] == ["store up", "middle up", "front up"]
    assert order.read_text().split("\n")[3:6] == ["front", "middle", "store"]


async def test_a_role_that_dies_is_started_again_and_that_is_said(supervised, stand_in):
    async with supervised(stand_in("gateway")) as (supervisor, said):
        unit = supervisor.units["gateway"]
        first = unit.pid
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: unit.state is State.RESTARTING)
        await eventually(lambda: unit.state is State.READY)
        assert unit.pid not in (None, first)
        assert "gateway: it was ended by SIGKILL; starting it again in 0.5 s" in said[0]
        assert said[1] == "gateway is ready again"


async def test_the_wait_doubles_while_a_role_keeps_dying(plan, supervised, stand_in):
    fails_later = f"import pathlib, signal; p = pathlib.Path({str(plan.home.data / 'once')!r})\n"
    fails_later += "if p.exists(): raise SystemExit(3)\np.touch(); signal.pause()"

    def started(_plan):
        async def probe(_pid: int) -> bool:
            return (plan.home.data / "once").exists() and not supervisor_is_late

        return probe

    supervisor_is_late = False
    async with supervised(stand_in("ledger", fails_later, probe=started)) as (supervisor, said):
        supervisor_is_late = True
        os.kill(supervisor.units["ledger"].pid, signal.SIGTERM)
        await eventually(lambda: len(said) >= 3)
    assert [sentence.split("again in ")[1].split(" (")[0] for sentence in said[:3]] == ["0.5 s", "1 s", "2 s"]
    assert "it ended with status 3" in said[1]


async def test_a_role_that_does_not_start_is_named_with_the_end_of_its_log(plan, supervised, stand_in):
    plan.home.log("router").write_text("of an earlier run\n")
    with pytest.raises(StartFailed) as failure:
        async with supervised(stand_in("gateway"), stand_in("router", "raise SystemExit('no such key')", once=True)):
            pass
    assert (failure.value.role, failure.value.reason) == ("router", "it ended with status 1")
    assert failure.value.tail == "no such key"
    assert list(plan.home.run.glob("*.pid")) == []


async def test_a_program_that_is_missing_is_named(supervised):
    with pytest.raises(StartFailed) as failure:
        async with supervised(Role("envoy", lambda _plan: ["/no/such/program"], once=True)):
            pass
    assert failure.value.tail == "/no/such/program: No such file or directory"


async def test_a_role_that_is_never_ready_is_given_up(plan, supervised, stand_in):
    async def not_ready(_pid: int) -> bool:
        return False

    object.__setattr__(plan, "ready_seconds", 0.3)
    with pytest.raises(StartFailed, match="not ready"):
        async with supervised(stand_in("console", probe=lambda _plan: not_ready)):
            pass


async def test_stopping_ends_deaf_roles_and_their_children(plan, supervised, stand_in):
    child = plan.home.data / "child"
    code = "import subprocess, sys, pathlib\n"
    code += "c = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
    code += f"pathlib.Path({str(child)!r}).write_text(str(c.pid))\n" + NEVER_STOPS
    async with supervised(stand_in("worker-high", code)) as (supervisor, _):
        unit = supervisor.units["worker-high"]
        await eventually(lambda: "deaf" in unit.tail() and child.read_text())
        pids = [unit.pid, int(child.read_text())]
        supervisor.hurry.set()
    await eventually(lambda: not any(status.is_alive(pid) for pid in pids))
    assert list(plan.home.run.iterdir()) == []


async def test_the_status_file_follows_the_roles(plan, settings, supervised, stand_in):
    with plan.home.claim():
        async with supervised(stand_in("gateway", port="grpc"), stand_in("seed", "pass", once=True)) as (supervisor, _):
            rows = {row.role: row for row in status.report(settings)}
            pid = supervisor.units["gateway"].pid
            assert rows["gateway"] == status.RoleStatus("gateway", pid, State.READY, plan.ports.address("grpc"))
            assert rows["router"].state is State.STOPPED
            assert "seed" not in rows
            assert not status.all_ready(list(rows.values()))


async def test_a_step_is_shown_until_it_is_done_and_the_run_is_not_ready_before(plan, settings, stand_in):
    lock = plan.home.data / "lock"
    code = f"import fcntl; fcntl.flock(open({str(lock)!r}), fcntl.LOCK_EX)"
    supervisor = Supervisor((stand_in("gateway"), stand_in("seed", code, once=True)), plan, print)
    with plan.home.claim(), lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        starting = asyncio.create_task(supervisor.start())
        try:
            await eventually(lambda: supervisor.units["gateway"].state is State.READY and supervisor.units["seed"].pid)
            rows = {row.role: row for row in status.report(settings)}
            assert rows["seed"].state is State.STARTING
            assert not status.all_ready([rows["gateway"], rows["seed"]])
            fcntl.flock(held, fcntl.LOCK_UN)
            await starting
            assert "seed" not in {row.role for row in status.report(settings)}
        finally:
            starting.cancel()
            await supervisor.stop()


async def test_a_long_log_is_set_aside_once(plan, supervised, stand_in):
    log = plan.home.log("gateway")
    with log.open("wb") as file:
        file.truncate(10 * 1024 * 1024 + 1)
    async with supervised(stand_in("gateway")):
        assert log.stat().st_size < 1000
        assert log.with_name("gateway.log.1").stat().st_size > 10 * 1024 * 1024


async def test_each_role_gets_its_environment_and_no_terminal(plan, supervised, stand_in):
    code = "import os, sys; print(os.environ['PULSE_HOME'], os.environ['PULSE_LOCAL_ROLE'], repr(sys.stdin.read()))"
    async with supervised(stand_in("step", code, once=True)) as (supervisor, _):
        assert supervisor.units["step"].tail() == f"{plan.home.path} step ''"
