"""Every command of the README, of docs/api.md and of docs/routing.md does what the page says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from services.local.home import checkout
from shared.config import base_environment
from tests.e2e.suite import Suite

PAGES = ("README.md", "docs/api.md", "docs/routing.md")


def blocks(page: str, language: str) -> list[str]:
    """The page's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", (checkout() / page).read_text(), re.M | re.S)


def shell_blocks() -> list[tuple[str, str]]:
    found = [(page, block) for page in PAGES for block in blocks(page, "sh")]
    return [(page, block) for page, block in found if "make up" not in block]


def here(text: str, suite: Suite) -> str:
    """The text, with the addresses of this suite."""
    python = str(Path(sys.executable).parent)
    text = text.replace("http://localhost:8000", str(suite.rest.base_url).rstrip("/"))
    return text.replace("localhost:50051", suite.grpc_address).replace(".venv/bin", f"'{python}'")


def test_there_are_commands_to_run() -> None:
    assert len(shell_blocks()) >= 5


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples are curl commands, and there is no curl")
@pytest.mark.parametrize(("page", "block"), shell_blocks())
def test_a_command_of_the_documentation_succeeds(suite: Suite, page: str, block: str) -> None:
    scheduled = suite.rest.post(
        "/v1/notifications",
        json={
            "user_id": f"docs_{uuid.uuid4().hex}",  # one for each block: together they are more than one may get
            "template_name": "welcome_email",
            "to": "docs@example.com",
            "context": {"name": "Ann"},
            "send_at": "2027-01-01T00:00:00Z" if ":cancel" in block else None,
        },
    ).json()["notification_id"]
    if "deadLetters" in block:
        block = "\n".join(line for line in block.splitlines() if "$ID:replay" not in line)
    script = here(block.replace("curl ", "curl --fail-with-body --silent --show-error "), suite)
    done = subprocess.run(
        ["bash", "-euc", script],
        env={
            **base_environment(),
            "ID": scheduled,
            "PULSE_HOME": str(suite.home),
            "PULSE_GATEWAY_ADDRESS": suite.grpc_address,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{page}: {script}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("block", blocks("README.md", "python"))
def test_a_python_example_of_the_readme_sends(suite: Suite, block: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", here(block, suite)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "QUEUED" in done.stdout
