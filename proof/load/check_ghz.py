"""``python -m proof.load.check_ghz``: runs the real ghz and Locust with one configuration and compares their reports.

Installs ghz with Go into an ignored folder first. Neither the tests nor CI need it: it shows that what the tests hold
against is what ghz writes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from proof.load.__main__ import FOLDER, arguments, command
from proof.local_run import running
from services.local.home import checkout
from shared.config import base_environment

GHZ = "github.com/bojand/ghz/cmd/ghz@v0.121.0"
BIN = checkout() / "build" / "bin"
CONFIG = FOLDER / "ghz.json"


def main() -> int:
    """0 if both reports say the same kind of thing, 1 with a line for each difference."""
    install()
    with tempfile.TemporaryDirectory(prefix="pulse-load-") as folder, running(Path(folder)) as run:
        address = run.address("gateway")
        theirs = ghz_report(Path(folder) / "ghz.json", address)
        ours = locust_report(Path(folder) / "locust.json", address)
    found = differences(shape(theirs), shape(ours)) + [
        f"{key}: {theirs.get(key)} there, {ours.get(key)} here"
        for key in ("name", "endReason", "count", "statusCodeDistribution", "tags")
        if theirs.get(key) != ours.get(key)
    ]
    for line in found:
        say(line)
    say(f"ghz: {summary(theirs)}\nLocust: {summary(ours)}")
    return 1 if found else 0


def install() -> None:
    """Nothing if it is there."""
    if not (BIN / "ghz").exists():
        say(f"go install {GHZ}")
        subprocess.run(["go", "install", GHZ], env={**base_environment(), "GOBIN": str(BIN)}, check=True)


def ghz_report(file: Path, address: str) -> dict[str, Any]:
    """What ghz writes."""
    ghz = [str(BIN / "ghz"), "--config", str(CONFIG), "--format", "json", "--output", str(file), address]
    subprocess.run(ghz, cwd=checkout(), check=True)
    return dict(json.loads(file.read_text()))


def locust_report(file: Path, address: str) -> dict[str, Any]:
    """What we write."""
    options, rest = arguments(["--report", str(file)])
    subprocess.run(command(options, address, rest), cwd=checkout(), check=True)
    return dict(json.loads(file.read_text()))


def shape(value: object) -> object:
    """Names and kinds: objects field by field, lists by their first entry, all else by its JSON type."""
    if isinstance(value, Mapping):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def differences(theirs: object, ours: object, path: str = "report") -> list[str]:
    """Where two shapes differ; what only ghz has, what only we have, and what is of another kind."""
    if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        missing = [f"{path}.{key}: only ghz has it" for key in theirs.keys() - ours.keys()]
        added = [f"{path}.{key}: ghz has no such field" for key in ours.keys() - theirs.keys()]
        both = theirs.keys() & ours.keys()
        inner = [line for key in sorted(both) for line in differences(theirs[key], ours[key], f"{path}.{key}")]
        return sorted(missing) + sorted(added) + inner
    if isinstance(theirs, list) and isinstance(ours, list):
        return differences(theirs[0], ours[0], f"{path}[]") if theirs and ours else []
    return [] if theirs == ours else [f"{path}: {theirs} there, {ours} here"]


def summary(report: Mapping[str, Any]) -> str:
    """One line of figures."""
    median = next(one["latency"] for one in report["latencyDistribution"] if one["percentage"] == 50)
    return f"{report['count']} calls, {report['rps']:.0f} a second, p50 {median / 1e6:.1f} ms"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
