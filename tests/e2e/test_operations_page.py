"""Every command of docs/operations.md does what the page says; every alert is on it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from proof.local_run import pulse
from proof.planning import make_plan
from services.local.home import checkout
from services.local.wheels import postgres_program
from shared.config import base_environment
from tests.e2e.suite import Suite
from tests.support import servers

PAGE = checkout() / "docs" / "operations.md"
RULES = checkout() / "deploy" / "prometheus" / "rules" / "alerts.yaml"


def _shell() -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.M | re.S)


def blocks() -> list[str]:
    """The page's commands, block by block, but for those that restore."""
    return [block for block in _shell() if "pg_restore" not in block]


@pytest.mark.skipif(shutil.which("curl") is None, reason="one of the examples is a curl command, and there is no curl")
@pytest.mark.parametrize("block", blocks(), ids=lambda block: " ".join(block.split()[:3]))
def test_the_commands_of_a_block_succeed(suite: Suite, tmp_path: Path, block: str) -> None:
    _run(block, tmp_path, _environment(suite, tmp_path))


def test_a_backup_by_the_page_is_restored_by_the_page(suite: Suite, tmp_path: Path) -> None:
    answer = suite.send()
    dump, restore = (next(block for block in _shell() if word in block) for word in ("pg_dump ", "pg_restore"))
    _run(dump, tmp_path, _environment(suite, tmp_path))
    plan = make_plan(tmp_path / "restored")
    with servers.postgres_server(plan) as url:
        environment = {
            **_environment(suite, tmp_path),
            "PULSE_DATABASE_URL": url,
            **_server(plan.ports.address("postgres"), plan.home.secret("postgres")),
        }
        _run("dropdb pulse", tmp_path, environment)
        _run(restore, tmp_path, environment)
        count = f"SELECT count(*) FROM notifications WHERE notification_id = '{answer.json()['notification_id']}'"
        assert _run(f'psql --tuples-only --command="{count}" pulse', tmp_path, environment).split() == ["1"]


def test_every_alert_is_on_the_page() -> None:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    known = {rule["alert"] for group in groups for rule in group["rules"]}
    assert set(re.findall(r"`(Pulse[A-Z]\w+)`", PAGE.read_text())) == known


def test_every_link_leads_somewhere() -> None:
    text = PAGE.read_text()
    headings = {
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-") for line in re.findall(r"^#+(.*)", text, re.M)
    }
    for file, anchor in re.findall(r"\]\((?!http)([\w.]*)#?([\w-]*)\)", text):
        assert not file or (PAGE.parent / file).exists(), file
        assert file or anchor in headings, anchor


def _environment(suite: Suite, folder: Path) -> dict[str, str]:
    """A shell's, beside the suite: the programs of the page can be found, and the variables that it names are set."""
    roles = suite.roles()
    made = pulse(suite.home, "keys", "create", "operations", "--scope", "send", "--json")
    programs = f"{Path(sys.executable).parent}:{postgres_program('psql').parent}"
    return {
        **base_environment(),
        "PATH": f"{programs}:{base_environment()['PATH']}",
        "PULSE_HOME": str(suite.home),
        "PULSE_DATABASE_URL": suite.database_url(),
        "PULSE_LOG_LEVEL_FILE": str(folder / "log-level"),
        "REST": str(suite.rest.base_url).rstrip("/"),
        "KEY_ID": json.loads(made.stdout)["key_id"],
        **_server(roles["postgres"]["address"], suite.secret("postgres")),
    }


def _server(address: str, password: str) -> dict[str, str]:
    """The variables by which PostgreSQL's programs find a server."""
    host, _, port = address.rpartition(":")
    return {"PGHOST": host, "PGPORT": port, "PGUSER": "pulse", "PGPASSWORD": password}


def _run(script: str, folder: Path, environment: Mapping[str, str]) -> str:
    script = script.replace("curl ", "curl --fail-with-body --silent --show-error ")
    script = script.replace("http://localhost:8000", environment["REST"])
    done = subprocess.run(
        ["bash", "-euc", script], env=environment, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout
