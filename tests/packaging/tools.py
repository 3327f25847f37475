"""Programs that these tests run: a missing one skips a test on a laptop and fails it in CI."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shared.config import base_environment

ROOT = Path(__file__).resolve().parents[2]

#: Longest time for one run of a program, s.
RUN_S = 60


def program(*names: str) -> str:
    """Path of the first of these programs that is there, in this environment or on the path."""
    places = f"{Path(sys.executable).parent}:{base_environment().get('PATH', '')}"
    for name in names:
        if found := shutil.which(name, path=places):
            return found
    text = f"none of these programs is installed: {', '.join(names)}"
    if base_environment().get("CI"):
        pytest.fail(text)
    pytest.skip(text)


def run(*command: str) -> str:
    """What the command prints; the test fails with what it says on standard error if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_S)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout
