"""Locust puts the loads on a real suite, writes a ghz report, and its exit status tells whether the checks held."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proof.load.__main__ import main
from services.local.home import checkout
from tests.e2e.suite import Suite

#: Whom a send is to.
SOMEBODY = {"user_id": "u", "to": "a@example.com", "channel": "EMAIL"}


def configured(folder: Path, **changes: Any) -> str:
    """The committed configuration with some keys changed, as a file."""
    given = json.loads((checkout() / "proof" / "load" / "ghz.json").read_text())
    file = folder / "ghz.json"
    file.write_text(json.dumps({**given, **changes}))
    return str(file)


def run(suite: Suite, folder: Path, *arguments: str, **changes: Any) -> tuple[int, dict[str, Any]]:
    """The exit status and the report."""
    report = folder / "report.json"
    config = configured(folder, **changes)
    status = main(["--address", suite.grpc_address, "--config", config, "--report", str(report), *arguments])
    return status, json.loads(report.read_text()) if report.exists() else {}


def test_a_ghz_configuration_is_run_and_reported(suite: Suite, tmp_path: Path) -> None:
    """All of its calls are made and none too early; every one of them is answered."""
    status, found = run(suite, tmp_path, total=40, concurrency=4, rps=20)
    assert status == 0
    assert found["statusCodeDistribution"] == {"OK": 40}
    assert (found["count"], found["endReason"], len(found["details"])) == (40, "normal", 40)
    assert found["total"] > 39 / 20 * 1e9 * 0.99


def test_a_run_ends_with_its_duration(suite: Suite, tmp_path: Path) -> None:
    changes = {"duration": "1s", "duration-stop": "wait", "rps": 20, "concurrency": 2}
    status, found = run(suite, tmp_path, **changes)
    assert (status, found["endReason"]) == (0, "timeout")
    assert 0 < found["count"] <= 21


def test_calls_that_fail_fail_the_run(suite: Suite, tmp_path: Path) -> None:
    """By the check of the failed share, whose exit status is 3; the report says why they failed."""
    status, found = run(suite, tmp_path, total=4, concurrency=2, data={"template_name": "no-such"} | SOMEBODY)
    assert status == 3
    assert found["statusCodeDistribution"] == {"NotFound": 4}
    assert all("rpc error: code = NotFound desc = " in error for error in found["errorDistribution"])


def test_a_mistake_in_the_configuration_is_told_before_anything_is_sent(suite: Suite, tmp_path: Path) -> None:
    assert run(suite, tmp_path, cpus=1) == (2, {})


@pytest.mark.parametrize("scenario", ["grpc", "rest"])
def test_the_original_s_mix_runs_by_either_protocol(suite: Suite, scenario: str) -> None:
    address = suite.grpc_address if scenario == "grpc" else str(suite.rest.base_url)
    assert main(["--scenario", scenario, "--address", address, "--users", "5", "--time", "2s"]) == 0
