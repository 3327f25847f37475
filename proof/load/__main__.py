"""``python -m proof.load``: puts a load on Pulse with Locust, headless; the exit status says whether its checks held.

Without ``--address`` it starts a suite of its own in a temporary folder. What it does not know is Locust's.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from proof.local_run import running
from services.local.home import checkout
from shared.config import base_environment

FOLDER = Path("proof/load")
REPORT = checkout() / "build" / "load" / "report.json"
FILES = {
    "ghz": FOLDER / "ghz_locustfile.py",
    "grpc": FOLDER / "grpc_locustfile.py",
    "rest": FOLDER / "rest_locustfile.py",
}
#: Share of failed calls from which on the exit status is 3.
FAIL_RATIO = 0.01


def arguments(given: Sequence[str] | None = None) -> tuple[argparse.Namespace, list[str]]:
    """What the command line says, and what is left for Locust."""
    parser = argparse.ArgumentParser(prog="python -m proof.load", description=__doc__, allow_abbrev=False)
    parser.add_argument("--scenario", choices=FILES, default="ghz", help="a ghz configuration, or the original's mix")
    parser.add_argument("--address", help="a running Pulse: host:port of its gRPC, or with rest its URL")
    parser.add_argument("--config", type=Path, default=checkout() / FOLDER / "ghz.json", help="ghz's configuration")
    parser.add_argument(
        "--report", type=Path, default=checkout() / "build" / "load" / "report.json", help="ghz's report"
    )
    parser.add_argument("--users", type=int, default=50, help="of the original's mix")
    parser.add_argument("--time", default="20s", help="length of the original's mix, such as 60s")
    return parser.parse_known_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Locust's exit status: 0, 1 for failed calls, 2 for a bad configuration, 3 for a check that did not hold."""
    options, rest = arguments(given)
    with contextlib.ExitStack() as stack:
        address = options.address
        if address is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pulse-load-"))
            run = stack.enter_context(running(Path(folder)))
            address = f"http://{run.address('envoy')}" if options.scenario == "rest" else run.address("gateway")
        return subprocess.call(command(options, address, rest), cwd=checkout(), env=base_environment())


def command(options: argparse.Namespace, address: str, rest: Sequence[str]) -> list[str]:
    """Locust's command line."""
    if options.scenario == "ghz":
        own = ["--ghz-config", str(options.config.resolve()), "--ghz-report", str(options.report.resolve())]
    else:
        own = ["--users", str(options.users), "--spawn-rate", str(options.users), "--run-time", options.time]
    return [
        *(sys.executable, "-m", "locust", "-f", str(FILES[options.scenario]), "--headless", "--only-summary"),
        *("--host", address, "--check-fail-ratio", str(FAIL_RATIO), *own, *rest),
    ]


if __name__ == "__main__":
    sys.exit(main())
