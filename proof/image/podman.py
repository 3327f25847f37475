"""Podman and podman-compose, for one project."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from services.local.home import checkout
from shared.config import base_environment

PROJECT = "pulse-image-test"

#: Longest time for one command, s: a build installs every dependency.
COMMAND_S = 1800

_LABEL = "io.podman.compose.project"


class Missing(Exception):
    """A program is not installed."""


class Failed(Exception):
    """A command failed; the text is its command line and the end of what it said."""


class Podman:
    """Runs commands; what they say goes into ``log``. Raises :class:`Missing`."""

    def __init__(self, log: Path) -> None:
        self._podman = _found("podman")
        self._compose = _found("podman-compose")
        self._log = log
        log.parent.mkdir(exist_ok=True)
        log.write_text("")
        here = base_environment()
        # podman-compose looks for podman by name, and its interpreter need not be on the path.
        self._environment = {**here, "PATH": f"{Path(self._podman).parent}:{here.get('PATH', '')}"}

    def run(self, *arguments: str) -> str:
        """What ``podman`` prints; raises :class:`Failed`."""
        return self._run([self._podman, *arguments], {})

    def compose(self, files: Sequence[Path], variables: dict[str, str], *arguments: str) -> str:
        """What ``podman-compose`` prints; raises :class:`Failed`."""
        named = [part for file in files for part in ("-f", str(file))]
        return self._run([self._compose, "-p", PROJECT, *named, *arguments], variables)

    def containers(self, service: str = "", *, running: bool = False) -> set[str]:
        """Names of the project's containers, of one service if it is given."""
        filters = ["--filter", f"label={_LABEL}={PROJECT}"]
        if service:
            filters += ["--filter", f"label=com.docker.compose.service={service}"]
        every = [] if running else ["--all"]
        return set(self.run("ps", *every, *filters, "--format", "{{.Names}}").split())

    def remains(self) -> set[str]:
        """Names of everything of the project that is there."""
        label = ("--filter", f"label={_LABEL}={PROJECT}", "--format", "{{.Name}}")
        networks, volumes = self.run("network", "ls", *label), self.run("volume", "ls", *label)
        return {*self.containers(), *networks.split(), *volumes.split()}

    def healthy(self, container: str) -> bool:
        """Asks the container's own health check now."""
        return (
            subprocess.run([self._podman, "healthcheck", "run", container], capture_output=True, check=False).returncode
            == 0
        )

    def exit_status(self, container: str) -> int | None:
        """None while it runs."""
        state = self.run("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", container).split()
        return int(state[1]) if state[0] in ("exited", "stopped") else None

    def _run(self, command: Sequence[str], variables: dict[str, str]) -> str:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            cwd=checkout(),
            env={**self._environment, **variables},
        )
        with self._log.open("a") as log:
            log.write(f"$ {shlex.join(command)}\n{done.stdout}{done.stderr}\n")
        if done.returncode != 0:
            raise Failed(f"{shlex.join(command[:6])} …\n{(done.stdout + done.stderr)[-2000:]}")
        return done.stdout


def _found(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        raise Missing(f"{name} is not installed")
    return found
