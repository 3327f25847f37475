"""Sandboxes for the tests, each under a home of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.sandbox.config import SandboxSettings
from tests.sandbox.running import RunningSandbox, Start


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts sandboxes under one home; keyword arguments are settings."""
    started: list[RunningSandbox] = []

    def begin(**given: Any) -> RunningSandbox:
        ports = {"sandbox_port": 0, "sandbox_smtp_port": 0, "sandbox_smtps_port": 0}
        running = RunningSandbox(SandboxSettings(**{"home": str(tmp_path / "home"), **ports, **given}))
        started.append(running)
        return running

    yield begin
    for running in started:
        running.stop()


@pytest.fixture
def sandbox(start: Start) -> RunningSandbox:
    return start()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """One sandbox for the tables of a module, for tests that change nothing in it."""
    home = tmp_path_factory.mktemp("shared")
    running = RunningSandbox(SandboxSettings(home=str(home), sandbox_port=0, sandbox_smtp_port=0))
    yield running
    running.stop()
