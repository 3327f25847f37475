"""The suite that bench, chaos and the tests of upgrades start, with roles that are small real processes."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from proof import suite
from proof.planning import make_plan, with_keys
from proof.suite import Suite
from services.local.errors import StartFailed
from services.local.plan import Plan
from services.local.roles import Role
from services.local.status import State, is_alive
from shared.processes.backoff import Backoff
from tests.support import eventually


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return make_plan(tmp_path / "home", {"PULSE_TEST_SAID": "so"}, stop_seconds=5, ready_seconds=20)


async def _is_ready(_pid: int) -> bool:
    return True


def stand_in(name: str, code: str = "import signal; signal.pause()", *, once: bool = False) -> Role:
    return Role(name, lambda _plan: [sys.executable, "-c", code], lambda _plan: _is_ready, once=once)


class Noted(Suite):
    """Writes down who died."""

    def __init__(self, plan: Plan, *roles: Role, restarts: type[Backoff] | None = None) -> None:
        self.deaths: list[str] = []
        super().__init__(plan, roles, restarts)

    def died(self, name: str, how: str) -> None:
        self.deaths.append(f"{name}: {how}")


def pid_of(running: Suite, name: str) -> int:
    pid = running.units[name].pid
    assert pid is not None
    return pid


async def test_nothing_is_left_of_it_in_whatever_state_it_was(plan: Plan) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    async with suite.running(Noted(plan, stand_in("paused"), stand_in("deaf", deaf), stand_in("dead"))) as running:
        await eventually(lambda: "deaf" in running.units["deaf"].tail())
        pids = [pid_of(running, name) for name in running.units]
        running.send("paused", signal.SIGSTOP)
        running.send("dead", signal.SIGKILL)
    await eventually(lambda: not any(is_alive(pid) for pid in pids))


async def test_what_does_not_start_is_named_and_the_others_end(plan: Plan) -> None:
    made = Noted(plan, stand_in("good"), stand_in("bad", "raise SystemExit('no such key')", once=True))
    with pytest.raises(StartFailed) as failure:
        async with suite.running(made):
            pass
    assert (failure.value.role, failure.value.tail) == ("bad", "no such key")
    assert made.units["good"].pid is None or not is_alive(made.units["good"].pid)


async def test_what_dies_stays_dead_unless_it_is_to_be_restarted(plan: Plan) -> None:
    async with suite.running(Noted(plan, stand_in("gateway"))) as running:
        pid = pid_of(running, "gateway")
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: running.units["gateway"].pid is None)
        assert running.deaths == []  # nobody looks after it


async def test_a_death_is_told_once_and_what_died_is_there_again(plan: Plan) -> None:
    async with suite.running(Noted(plan, stand_in("gateway"), restarts=Backoff)) as running:
        first = pid_of(running, "gateway")
        os.kill(first, signal.SIGTERM)
        await eventually(lambda: running.deaths)
        await eventually(lambda: running.units["gateway"].state is State.READY)
        assert running.deaths == ["gateway: it was ended by SIGTERM"]
        assert pid_of(running, "gateway") != first


async def test_what_is_halted_is_no_death_and_begins_again(plan: Plan) -> None:
    async with suite.running(Noted(plan, stand_in("worker"), restarts=Backoff)) as running:
        await running.halt("worker")
        assert (running.units["worker"].state, running.units["worker"].pid) == (State.STOPPED, None)
        await running.begin("worker")
        os.kill(pid_of(running, "worker"), signal.SIGKILL)
        await eventually(lambda: running.deaths)  # it is looked after again
        assert len(running.deaths) == 1


async def test_a_role_is_replaced_by_another_version_and_back(plan: Plan) -> None:
    def says(word: str) -> Role:
        return stand_in("ledger", f"import signal; print({word!r}, flush=True); signal.pause()")

    async with suite.running(Noted(plan, says("new"), restarts=Backoff)) as running:
        for role, word in ((says("old"), "old"), (None, "new")):
            await running.replace("ledger", role)
            await eventually(lambda word=word: word in running.units["ledger"].tail())
        assert running.deaths == []


async def test_a_role_and_a_step_are_added(plan: Plan, tmp_path: Path) -> None:
    step = f"import os, pathlib; pathlib.Path({str(tmp_path / 'said')!r}).write_text(os.environ['PULSE_TEST_SAID'])"
    async with suite.running(Noted(plan, stand_in("gateway"))) as running:
        await running.add(stand_in("step", step, once=True))
        assert (tmp_path / "said").read_text() == "so"
        await running.add(stand_in("second"))
        assert is_alive(pid_of(running, "second"))


async def test_who_dies_while_it_starts_again_has_died_once(plan: Plan) -> None:
    broken, tried, up = (plan.home.data / name for name in ("broken", "tried", "up"))
    code = f"import os, pathlib, signal\nif pathlib.Path({str(broken)!r}).exists():\n"
    code += f"    pathlib.Path({str(tried)!r}).touch()\n    raise SystemExit(3)\n"
    code += f"pathlib.Path({str(up)!r}).write_text(str(os.getpid()))\nsignal.pause()"

    async def works(pid: int) -> bool:
        return up.exists() and up.read_text() == str(pid)

    role = Role("ledger", lambda _plan: [sys.executable, "-c", code], lambda _plan: works)
    async with suite.running(Noted(plan, role, restarts=Backoff)) as running:
        broken.touch()
        os.kill(pid_of(running, "ledger"), signal.SIGKILL)
        await eventually(tried.exists)
        broken.unlink()
        await eventually(lambda: running.units["ledger"].state is State.READY)
        assert running.deaths == ["ledger: it was ended by SIGKILL"]


def test_keys_are_written_for_a_gateway(tmp_path: Path) -> None:
    settings = with_keys(tmp_path / "new", {"acme": "sesame"}, ["send"])
    assert settings["PULSE_AUTH"] == "required"
    written = Path(settings["PULSE_GATEWAY_API_KEYS_FILE"]).read_text()
    assert "acme" in written
    assert "sesame" not in written
