"""The parent of several processes, with small programs for children."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shared.config import base_environment
from shared.processes import child as children
from shared.processes.member import Member
from shared.processes.parent import Parent
from tests.support import eventually

#: A child that serves: `parent` is its socket, `number` its number, `life` how often one of its number has begun.
SERVES = """
import os, signal, socket, sys, time
from pathlib import Path
number, descriptor = sys.argv[-1].removeprefix("--child=").split(":")
parent = socket.socket(fileno=int(descriptor))
lives = Path(sys.argv[1]) / number
with lives.open("a") as file:
    file.write("x")
life = len(lives.read_text())
"""
ALIVE = "parent.send(b'alive\\n')\n"
STAYS = "signal.pause()\n"


@dataclass(frozen=True)
class AtOnce:
    """No pause, but the first ``pauses`` are noted."""

    noted: list[float]

    def after(self, uptime_s: float) -> tuple[float, AtOnce]:
        self.noted.append(uptime_s)
        return 0.01, self


def parent_of(folder: Path, program: str, count: int = 2, told: list[bool] | None = None) -> Parent:
    tell = told.append if told is not None else lambda _: None
    command = [sys.executable, "-S", "-c", SERVES + program, str(folder)]
    return Parent(command, base_environment(), count, tell_ready=tell, history=AtOnce([]))


async def status_of(program: str, folder: Path) -> int:
    """How one child ends that may be silent for 0.3 s."""
    command = [sys.executable, "-S", "-c", SERVES + program, str(folder)]
    return await asyncio.wait_for(Member(1, command, base_environment(), lambda: None, patience=0.3).live(), 30)


def lives(folder: Path, number: int) -> int:
    file = folder / str(number)
    return len(file.read_text()) if file.exists() else 0


@asynccontextmanager
async def running(parent: Parent) -> AsyncIterator[asyncio.Task[int]]:
    task = asyncio.create_task(parent.run())
    yield task
    if not task.done():
        os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(task, 30)


def serving(parent: Parent) -> Sequence[bool]:
    return [member.serves for member in parent.members]


async def test_the_first_is_started_alone_and_the_others_when_it_serves(tmp_path: Path) -> None:
    held = tmp_path / "held"
    waits = f"while number == '1' and not Path({str(held)!r}).exists(): time.sleep(0.01)\n"
    parent = parent_of(tmp_path, waits + ALIVE + STAYS, 3)
    async with running(parent):
        await eventually(lambda: lives(tmp_path, 1))
        assert lives(tmp_path, 2) == lives(tmp_path, 3) == 0
        held.touch()
        await eventually(lambda: all(serving(parent)))


@pytest.mark.parametrize(("ends", "status"), [("sys.exit(2)", 2), ("sys.exit(0)", 1), ("os.kill(os.getpid(), 9)", 137)])
async def test_one_that_ends_before_any_served_ends_all_with_its_status(tmp_path: Path, ends: str, status: int) -> None:
    parent = parent_of(tmp_path, ends)
    assert await asyncio.wait_for(parent.run(), 30) == status
    assert (lives(tmp_path, 1), lives(tmp_path, 2)) == (1, 0)


async def test_a_program_that_cannot_be_started_ends_the_role(tmp_path: Path) -> None:
    parent = Parent([str(tmp_path / "none")], base_environment(), 2, history=AtOnce([]))
    assert await asyncio.wait_for(parent.run(), 30) == 1


async def test_one_that_the_machine_cannot_start_now_is_tried_again(tmp_path: Path) -> None:
    """As where there is no room for another process; those that serve go on."""
    program = tmp_path / "python"
    program.symlink_to(sys.executable)
    command = [str(program), "-S", "-c", SERVES + ALIVE + STAYS, str(tmp_path)]
    parent = Parent(command, base_environment(), 2, history=(history := AtOnce([])))
    async with running(parent) as task:
        await eventually(lambda: all(serving(parent)))
        program.rename(away := tmp_path / "away")
        pid = parent.members[1].pid
        assert pid
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: len(history.noted) >= 2 or task.done())
        away.rename(program)
        await eventually(lambda: all(serving(parent)) or task.done())
        assert not task.done()
    assert (lives(tmp_path, 1), lives(tmp_path, 2)) == (1, 2)


async def test_one_that_cannot_start_while_another_serves_is_tried_again(tmp_path: Path) -> None:
    parent = parent_of(tmp_path, "number == '2' and life < 4 and sys.exit(2)\n" + ALIVE + STAYS)
    with capture_logs() as said:
        async with running(parent):
            await eventually(lambda: all(serving(parent)))
    assert lives(tmp_path, 2) == 4
    told = [(line["process"], line["status"]) for line in said if line["event"].startswith("a process ended")]
    assert told == [(2, 2)] * 3


async def test_when_none_serves_and_one_cannot_start_anew_the_role_ends(tmp_path: Path) -> None:
    """Whoever watches over the role must see that it does not serve."""
    told: list[bool] = []
    parent = parent_of(tmp_path, "life > 1 and sys.exit(2)\n" + ALIVE + STAYS, told=told)
    async with running(parent) as task:
        await eventually(lambda: all(serving(parent)))
        for pid in [member.pid for member in parent.members]:
            assert pid
            os.kill(pid, signal.SIGKILL)
        assert await asyncio.wait_for(task, 30) == 2
    assert told == [True, False]


async def test_whether_one_serves_is_told_once_for_all(tmp_path: Path) -> None:
    told: list[bool] = []
    parent = parent_of(tmp_path, ALIVE + STAYS, 3, told)
    async with running(parent):
        await eventually(lambda: all(serving(parent)))
        assert told == [True]
    assert told == [True, False]


async def test_those_that_are_just_starting_end_too(tmp_path: Path) -> None:
    parent = parent_of(tmp_path, "number == '1' and " + ALIVE + STAYS)
    async with running(parent) as task:
        await eventually(lambda: lives(tmp_path, 2))
        os.kill(os.getpid(), signal.SIGINT)
        assert await asyncio.wait_for(task, 30) == 0
    assert all(member.pid is None for member in parent.members)


async def test_one_that_fails_while_it_drains_makes_the_status(tmp_path: Path) -> None:
    parent = parent_of(
        tmp_path, "signal.signal(signal.SIGTERM, lambda *_: sys.exit(int(number) + 2))\n" + ALIVE + STAYS
    )
    async with running(parent) as task:
        await eventually(lambda: all(serving(parent)))
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(task, 30) in (3, 4)


async def test_one_that_serves_and_stands_still_is_ended(tmp_path: Path) -> None:
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + ALIVE + STAYS
    with capture_logs() as said:
        assert await status_of(deaf, tmp_path) == -signal.SIGKILL
    assert [line["event"] for line in said] == ["a process stands still and is ended"]


async def test_one_that_spoke_while_its_parent_stood_still_is_not_ended(tmp_path: Path) -> None:
    """As where a machine is halted for longer than a child may be silent."""
    speaks = "while True:\n    " + ALIVE + "    time.sleep(0.05)\n"
    command = [sys.executable, "-S", "-c", SERVES + speaks, str(tmp_path)]
    member = Member(1, command, base_environment(), lambda: None, patience=1.0)
    living = asyncio.create_task(member.live())
    await eventually(lambda: member.serves)
    threading.Event().wait(1.5)  # nothing runs in this loop
    await asyncio.wait([living], timeout=0.3)
    member.tell_to_end()
    assert await asyncio.wait_for(living, 30) == -signal.SIGTERM


@pytest.mark.parametrize("before", ["", ALIVE + "parent.send(b'leaving\\n')\n"], ids=["it starts", "it drains"])
async def test_silence_of_one_that_does_not_serve_is_no_standing_still(tmp_path: Path, before: str) -> None:
    assert await status_of(before + "time.sleep(0.8)\nsys.exit(7)\n", tmp_path) == 7


@pytest.mark.parametrize("arguments", [[], ["high"], ["--child=1"], ["--child=a:b"], ["--child=1:2", "high"]])
def test_a_process_without_the_argument_is_no_child(arguments: list[str]) -> None:
    kept = list(arguments)
    assert children.taken_from(arguments) is None
    assert arguments == kept
