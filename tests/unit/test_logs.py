"""A process's standard error is a line of JSON for each thing said, and holds no value that an error carried."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CANARY = "canary481516"
ROOT = Path(__file__).parents[2]
BEGIN = f"""
import asyncio, datetime, gc, logging, pathlib, threading, uuid, warnings
from shared.observe import logs
logs.configure("trial")
log = logs.logger("trial")
library = logging.getLogger("some.library")
VALUE = "{CANARY}"
def broken():
    return {{}}[VALUE]
def caught(say):
    try:
        broken()
    except Exception as error:
        say(error)
class Refusal(Exception):
    pass
"""
#: What happens in a process, by what is to be told of it: words that must appear in the line.
TOLD = {
    "log.exception": ('caught(lambda _: log.exception("broke"))', ["broke", "KeyError", "broken"]),
    "exc_info": ('caught(lambda error: log.error("broke", exc_info=error))', ["broke", "KeyError", "broken"]),
    "an error as a field": ('caught(lambda error: log.error("broke", why=error))', ["KeyError"]),
    "errors in a field": ('caught(lambda error: log.error("broke", why=[{"one": error}]))', ["KeyError"]),
    "an object as a field": ('log.error("broke", why=Refusal)\nlog.error("2", of=type("T", (), {})())', ['"T"']),
    "a cause": (
        """
        try:
            try:
                broken()
            except KeyError as error:
                raise Refusal(VALUE) from error
        except Refusal:
            log.exception("broke")
        """,
        ["Refusal", "KeyError"],
    ),
    "what was handled meanwhile": (
        """
        try:
            try:
                broken()
            except KeyError:
                raise Refusal(VALUE)
        except Refusal:
            log.exception("broke")
        """,
        ["Refusal", "KeyError"],
    ),
    "a group": (
        """
        inner = ExceptionGroup(VALUE, [KeyError(VALUE)])
        log.error("broke", exc_info=ExceptionGroup(VALUE, [ValueError(VALUE), inner]))
        """,
        ["ExceptionGroup", "ValueError", "KeyError"],
    ),
    "a note": (
        """
        error = Refusal(VALUE)
        error.add_note(VALUE)
        log.error("broke", exc_info=error)
        """,
        ["Refusal"],
    ),
    "an error that is its own cause": (
        """
        error = Refusal(VALUE)
        error.__cause__ = error
        log.error("broke", exc_info=error)
        """,
        ["Refusal"],
    ),
    "a library's exception": ('caught(lambda _: library.exception("it broke"))', ["it broke", "KeyError", "broken"]),
    "a library's arguments": (
        'caught(lambda error: library.error("broke: %r %s %d %s", error, VALUE, 3, type(error)))',
        ["broke: ", "KeyError", " 3 "],
    ),
    "a library's named arguments": (
        'library.error("task %(name)s: %(exc)s", {"name": VALUE, "exc": VALUE})',
        ["task "],
    ),
    "arguments that do not fit": ('library.error("broke: %d %d", VALUE)', ["broke: %d"]),
    "a library's finished text": ('library.error(f"it broke at {VALUE}")', ["some.library"]),
    "a library's object": ("library.error({VALUE: 1})", ["some.library"]),
    "a library's stack": ('library.error("broke", stack_info=True)', ["some.library"]),
    "a warning": ('warnings.warn(f"tzname {VALUE} identified but not understood", UserWarning)', ["UserWarning"]),
    "a warning of a class": ("warnings.warn(DeprecationWarning(VALUE), stacklevel=1)", []),
    "a resource left open": ('warnings.simplefilter("always")\nopen(__file__)\ngc.collect()', ["ResourceWarning"]),
    "a thread": (
        'one = threading.Thread(target=broken, name="mine")\none.start()\none.join()',
        ["mine", "KeyError", "broken"],
    ),
    "a destructor": (
        """
        class Left:
            def __del__(self):
                broken()
        Left()
        """,
        ["KeyError", "broken"],
    ),
    "a task's": (
        """
        async def main():
            async def fails(value):
                broken()
            asyncio.create_task(fails(VALUE), name=VALUE)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            gc.collect()
        asyncio.run(main())
        """,
        ["Task exception was never retrieved", "KeyError", "broken"],
    ),
    "a callback's": (
        """
        import uvloop
        async def main():
            asyncio.get_running_loop().call_soon(lambda value: broken(), VALUE)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        asyncio.run(main())
        uvloop.run(main())
        """,
        ["Exception in callback", "KeyError", "broken"],
    ),
    "times and paths": (
        'log.info("now", at=datetime.date(2026, 1, 2), by=pathlib.Path("/x/y"), id=uuid.UUID(int=7))',
        ["2026-01-02", "/x/y", "00000000-0000-0000-0000-000000000007"],
    ),
    "migrations": ('logging.getLogger("alembic.runtime").info("Running upgrade %s -> %s", "0001", "0002")', ["0001"]),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[str]]:
    """Runs a program; what it writes to standard error."""

    def run(program: str) -> list[str]:
        file = tmp_path_factory.mktemp("trial") / "trial.py"
        file.write_text(BEGIN + program)
        command = [sys.executable, str(file)]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
        return done.stderr.splitlines()

    return run


@pytest.fixture(scope="module")
def said(run: Callable[[str], list[str]]) -> dict[str, list[str]]:
    """The lines that came of each happening, all in one process."""
    marks = [
        f"log.info('mark', number={number})\n{textwrap.dedent(code)}" for number, (code, _) in enumerate(TOLD.values())
    ]
    lines: dict[str, list[str]] = {}
    names = iter(TOLD)
    for line in run("\n".join(marks)):
        if '"event": "mark"' in line:
            lines[next(names)] = current = []
        else:
            current.append(line)
    return lines


@pytest.mark.parametrize("happening", TOLD)
def test_its_kind_and_place_are_told_and_no_value(said: dict[str, list[str]], happening: str) -> None:
    lines = said[happening]
    parsed = [_record(line) for line in lines]
    assert all({"role", "event", "level", "timestamp"} <= one.keys() for one in parsed)
    assert CANARY not in "".join(lines)
    for word in TOLD[happening][1]:
        assert word in "".join(lines)


def _record(line: str) -> dict[str, Any]:
    record = json.loads(line)
    assert isinstance(record, dict)
    return record


@pytest.mark.parametrize("program", ["raise Refusal(VALUE)", "broken()", "assert not VALUE, VALUE"])
def test_what_ends_a_process_is_told_like_all_else(run: Callable[[str], list[str]], program: str) -> None:
    (line,) = run(program)
    record = _record(line)
    assert CANARY not in line
    assert record["event"] == "uncaught" and record["exception"][0]["frames"]


def test_a_long_chain_and_a_deep_recursion_are_told_in_part(run: Callable[[str], list[str]]) -> None:
    program = textwrap.dedent(
        """
        def deep(left):
            return deep(left - 1) if left else broken()
        def chain(left):
            try:
                chain(left - 1) if left else deep(200)
            except Exception as error:
                raise Refusal(VALUE) from error
        try:
            chain(50)
        except Exception:
            log.exception("broke")
        """
    )
    (line,) = run(program)
    told = _record(line)["exception"]
    assert len(told) == 10 and all(len(one["frames"]) <= 30 for one in told)
    assert CANARY not in line
