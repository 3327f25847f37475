"""Commands of other programs, and what they say."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from shared.config import base_environment

#: Longest time for a command that does not say otherwise, s.
COMMAND_S = 120.0


class Failed(Exception):
    """Something is not as it must be; the text says what."""


def run(
    command: Sequence[str | Path],
    *,
    stdin: str = "",
    within_s: float = COMMAND_S,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """What the command prints; raises :class:`Failed` with its error output."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            check=False,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=within_s,
            cwd=cwd,
            env=base_environment() | {"PATH": program_path()} | dict(environment or {}),
        )
    except subprocess.TimeoutExpired as late:
        raise Failed(f"not done within {within_s:.0f} s: {shlex.join(words)[:300]}") from late
    if done.returncode != 0:
        raise Failed(f"{shlex.join(words)[:300]}\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


def program_path() -> str:
    """The search path, with the places of administrators' programs, which a user's may lack."""
    return f"{base_environment().get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"


def say(text: str) -> None:
    """A line for whoever watches."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
