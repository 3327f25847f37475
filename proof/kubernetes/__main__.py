"""``python -m proof.kubernetes``: runs the kind overlay on a real Kubernetes of two nodes, and tries what it promises.

Builds Kubernetes with Go; its nodes are namespaces of this machine, and nothing of them is left afterwards. Neither the
tests nor CI need it: docs/kubernetes.md says what it needs, and what it saw. The exit status is 1 if a step failed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from proof.kubernetes import binaries, cluster, images, release_before
from proof.kubernetes.commands import Failed, say
from proof.kubernetes.images import Files
from proof.kubernetes.nodes import machine
from proof.kubernetes.record import Record
from proof.kubernetes.sequence import Steps
from services.local.home import checkout

FOLDER = checkout() / "build" / "kubernetes"

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(given: Sequence[str] | None = None) -> int:
    """The exit status: 0, 1 if a step failed, 2 if it was interrupted."""
    options = _arguments(given)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    record = Record()
    try:
        _check(record, options)
    except Failed:
        say("stopped, as the other steps rest on this one")
    except KeyboardInterrupt:
        say("interrupted; nothing of it is left")
        return 2
    finally:
        (FOLDER / "report.json").write_text(json.dumps(record.steps, indent=2, ensure_ascii=False) + "\n")
    say(f"FAILED: {', '.join(record.failed)}" if record.failed else "PASSED")
    return 1 if record.failed else 0


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proof.kubernetes", description=__doc__)
    parser.add_argument("--base-image", default="", help="replaces the Dockerfile's base")
    parser.add_argument("--build-option", action="append", default=[], help="for `podman build`; may be given again")
    parser.add_argument(
        "--before", default="", help="revision to upgrade from; else the newest tag, or an older schema"
    )
    parser.add_argument("--keep-images", action="store_true", help="leave podman's images, for a quicker next run")
    parser.add_argument("--only", action="append", default=[], help="a step after the installation; may be given again")
    return parser.parse_args(given)


def _check(record: Record, options: argparse.Namespace) -> None:
    """All of it; raises :class:`Failed` when it cannot go on."""
    with ExitStack() as stack:
        work = stack.enter_context(cluster.work_folder())
        record.must("what this machine has", lambda: machine.require(work))
        record.must("Kubernetes, built with Go", lambda: binaries.build(say))
        before = release_before.unpack(work / "before", options.before)
        if not options.keep_images:
            stack.callback(images.remove)
        files = Files(work / "images")
        record.must("images", lambda: files.pack(options.base_image, options.build_option, before.folder))
        stack.callback(_keep_logs, work)
        running = stack.enter_context(cluster.running(work))
        Steps(record, running, files, before).run(options.only)


def _keep_logs(work: Path) -> None:
    """What the cluster's programs said, for whoever looks for a fault."""
    shutil.copytree(work / "log", FOLDER / "log", dirs_exist_ok=True)


def _interrupt(*_: object) -> None:
    """Ends the check in order; another signal cannot disturb that."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
