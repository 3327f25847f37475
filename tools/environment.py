"""Installs the locked dependencies and this package into the environment it runs in, and shows how far it is.

Usage: environment.py run|dev. What is installed is known by a fingerprint of the lock files and of the place, so a
second call is quick and silent, and a checkout that was moved is noticed.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PIP = [sys.executable, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "--no-color"]

#: There while an installation is under way; an environment in which it is found is made from scratch.
INCOMPLETE = VENV / ".incomplete"

#: Lines of pip that are shown when it fails.
TAIL_LINES = 30


def main(layer: str) -> int:
    """Installs what ``layer`` needs beyond what is there; returns the exit status."""
    stamp = VENV / f".{layer}.stamp"
    wanted = fingerprint(layer)
    if stamp.exists() and stamp.read_text() == wanted:
        return 0
    INCOMPLETE.touch()
    lock = ROOT / "requirements" / f"{layer}.txt"
    if not (
        install(f"{layer} dependencies", ["--require-hashes", "--no-deps", "-r", str(lock)], packages(lock))
        and install("pulse", ["--no-deps", "--no-build-isolation", "-e", str(ROOT)], 1)
    ):
        return 1
    stamp.write_text(wanted)
    INCOMPLETE.unlink()
    return 0


def fingerprint(layer: str) -> str:
    """What an installation depends on: the lock, the package's own definition, and where it lies."""
    files = (ROOT / "requirements" / f"{layer}.txt", ROOT / "pyproject.toml")
    content = b"\0".join([*(file.read_bytes() for file in files), str(ROOT).encode()])
    return hashlib.sha256(content).hexdigest()


def packages(lock: Path) -> int:
    """How many packages a lock file names; some may be for other systems."""
    return len(re.findall(r"^[A-Za-z0-9][^\s]*==", lock.read_text(), re.MULTILINE))


def install(title: str, arguments: list[str], total: int) -> bool:
    """Runs pip, counting what it collects; on failure shows its last lines and returns False."""
    lines: list[str] = []
    collected = 0
    pip = subprocess.Popen(  # noqa: S603 -- this environment's pip, arguments of our own
        [*PIP, "install", "--progress-bar", "off", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for line in pip.stdout or ():
        lines.append(line)
        if line.startswith(("Collecting ", "Requirement already satisfied: ", "Obtaining ")):
            collected += 1
            show(f"{title}: {collected} of {total}", collected == total or collected % 20 == 0)
        elif line.startswith("Installing collected packages"):
            show(f"{title}: unpacking {collected}", True)
    if pip.wait() == 0:
        show(f"{title}: installed", True, end="\n")
        return True
    sys.stderr.write(f"\npip could not install the {title}:\n{''.join(lines[-TAIL_LINES:])}\n")
    return False


def show(text: str, milestone: bool, end: str = "") -> None:
    """One line that is overwritten on a terminal; elsewhere a line for each milestone."""
    if sys.stdout.isatty():
        sys.stdout.write(f"\r\033[K  {text}{end}")
    elif milestone:
        sys.stdout.write(f"  {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
