"""The rules that Prometheus evaluates, held by Prometheus's own tool."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.metrics.exported import series

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "prometheus"
RULES = sorted((FOLDER / "rules").glob("*.yaml"))
TESTS = sorted((FOLDER / "rules" / "tests").glob("*.yaml"))
#: Every series of Pulse has this beginning; a colon marks one that a rule records.
NAME = re.compile(r"[a-z_:]*\bpulse_[a-z0-9_:]+|pulse:[a-z0-9_:]+")


def promtool(*arguments: object) -> None:
    """Runs it; skips where it is not installed, which CI counts as a failure."""
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed (Debian's package `prometheus` has it)")
    done = subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def rules(kind: str) -> dict[str, dict[str, Any]]:
    """All rules that have ``kind`` (record, alert), by that name."""
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return {rule[kind]: rule for group in groups for rule in group["rules"] if kind in rule}


def test_the_rules_can_be_read() -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES)


def test_the_configuration_finds_them() -> None:
    promtool("check", "config", FOLDER / "prometheus.yaml")


def test_they_do_what_their_own_tests_say() -> None:
    promtool("test", "rules", *TESTS)


def test_every_rule_is_tested() -> None:
    tested = "".join(path.read_text() for path in TESTS)
    fired = {
        case["alertname"]
        for path in TESTS
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test.get("alert_rule_test", ())
        if case["exp_alerts"]
    }
    assert fired == set(rules("alert"))
    direct = {name for name in rules("record") if f"expr: {name}\n" in tested}
    through_alerts = {
        name for name in rules("record") if any(name in alert["expr"] for alert in rules("alert").values())
    }
    assert direct | through_alerts == set(rules("record"))


def test_they_ask_for_nothing_that_is_not_exported() -> None:
    known = series() | set(rules("record"))
    for name, rule in (rules("alert") | rules("record")).items():
        assert set(NAME.findall(rule["expr"])) <= known, name


def test_every_alert_says_how_urgent_it_is_and_what_to_do() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    for name, rule in rules("alert").items():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        assert f"`{name}`" in page, name
