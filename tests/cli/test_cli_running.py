"""``pulse`` as the way to run Pulse itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from services.local.config import LocalSettings
from services.local.home import Home
from shared.config import base_environment

Pulse = Callable[..., Result]


@pytest.mark.parametrize(
    ("arguments", "module"),
    [
        (["serve", "gateway"], ["services.gateway"]),
        (["serve", "sandbox"], ["services.sandbox"]),
        (["worker", "high"], ["services.delivery.worker", "high"]),
        (["migrate"], ["services.ledger.migrate"]),
    ],
)
def test_a_role_takes_the_place_of_the_command(
    pulse: Pulse, monkeypatch: pytest.MonkeyPatch, arguments: list[str], module: list[str]
) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda path, argv: became.append([path, *argv]))
    pulse(*arguments)
    assert became == [[sys.executable, sys.executable, "-m", *module]]


def test_an_unknown_role_is_a_usage_error(pulse: Pulse) -> None:
    assert pulse("serve", "postgres").exit_code == 2


def test_status_tells_every_role_and_fails_while_one_is_not_ready(pulse: Pulse) -> None:
    ran = pulse("status", "--json")
    assert ran.exit_code == 1
    assert {role["state"] for role in json.loads(ran.stdout)} == {"stopped"}
    assert {"gateway", "ledger", "worker-high"} <= {role["role"] for role in json.loads(ran.stdout)}
    assert "gateway" in pulse("status").stdout


def test_clean_data_asks_first_and_not_while_pulse_runs(pulse: Pulse, tmp_path: Path) -> None:
    home = Home.of(LocalSettings.load({"PULSE_HOME": str(tmp_path / "home")}))
    home.make()
    (home.data / "kept").touch()
    assert pulse("clean-data", input="n\n").exit_code == 1
    assert (home.data / "kept").exists()
    with home.claim():
        ran = pulse("clean-data", "--yes")
    assert (ran.exit_code, "already running" in ran.stderr) == (1, True)
    assert pulse("clean-data", "--yes").exit_code == 0
    assert not home.data.exists()


def test_the_command_runs_as_a_process_and_help_loads_nothing_heavy() -> None:
    program = "import sys; from services.__main__ import main\ntry: main()\nfinally: print(sorted(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", program, "--help"], capture_output=True, text=True, env=base_environment(), check=False
    )
    assert ran.returncode == 0
    assert "clean-data" in ran.stdout
    loaded = ran.stdout.rpartition("[")[2]
    assert not {name for name in ("grpc", "pydantic", "services.local", "pulse_client") if f"'{name}'" in loaded}


def test_version_is_a_version(pulse: Pulse) -> None:
    assert pulse("version").stdout.count(".") == 2
