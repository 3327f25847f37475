"""Proves image and compose.yaml by running them with podman: ``python -m proof.image``.

Builds the image, starts the everyday services, sends over REST and finds it in the sandbox, replaces the gateway under
load without one failed request, and removes what it made. Ends with a line that says PASSED, FAILED or SKIPPED; exit
status 1 if it failed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from proof.image import images
from proof.image.podman import Failed, Missing, Podman
from proof.image.suite import Suite, until
from proof.image.traffic import Traffic, body
from services.local.home import checkout

LOG = checkout() / "build" / "image-test.log"

#: Load before, and after, the gateway is replaced, s.
STEADY_S = 5.0

#: In the image alone: another user than root, a root that cannot be written to, and time zones without the system's.
_INSIDE = """
import os, pathlib, zoneinfo
assert os.getuid() == 10001, os.getuid()
zoneinfo.reset_tzpath([])
assert zoneinfo.ZoneInfo("America/New_York") and len(zoneinfo.available_timezones()) > 400
try:
    pathlib.Path("/opt/pulse/written").touch()
except OSError:
    print("closed")
"""


def main(given: Sequence[str] | None = None) -> int:
    """The exit status."""
    options = _arguments(given)
    with tempfile.TemporaryDirectory(prefix="pulse-image-") as made:
        try:
            verdict = _try(Podman(LOG), options, Path(made))
        except Missing as missing:
            _say(f"SKIPPED: {missing}")
            return 0
        except Failed as failed:
            _say(f"FAILED: {failed}\nWhat podman said is in {LOG.relative_to(checkout())}.")
            return 1
        _say(f"PASSED: {verdict}")
        return 0


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proof.image", description=__doc__)
    parser.add_argument("--base-image", default="", help="replaces the Dockerfile's base")
    parser.add_argument("--stand-ins", action="store_true", help="PostgreSQL, Valkey and Envoy out of Python packages")
    parser.add_argument("--build-option", action="append", default=[], help="for `podman build`; may be given again")
    parser.add_argument("--keep-images", action="store_true", help="leave the images, for a quicker next run")
    return parser.parse_args(given)


def _try(podman: Podman, options: argparse.Namespace, folder: Path) -> str:
    """What was shown; raises :class:`Failed`."""
    try:
        _say("building the image")
        images.build(podman, options.base_image, options.build_option)
        if options.stand_ins:
            _say("building stand-ins for the servers")
            images.build_stand_ins(podman, options.base_image, options.build_option, folder / "stand-ins")
        return _try_suite(podman, folder, stand_ins=options.stand_ins)
    finally:
        if not options.keep_images:
            images.remove(podman)


def _try_suite(podman: Podman, folder: Path, *, stand_ins: bool) -> str:
    suite = Suite(podman, folder, stand_ins=stand_ins)
    try:
        _say("starting the suite")
        began = time.monotonic()
        suite.start()
        ready = time.monotonic() - began
        if suite.run_in("gateway", _INSIDE).strip() != "closed":
            raise Failed("a container can write to its image")
        _say("sending one")
        _send_one(suite)
        _say("replacing the gateway under load")
        traffic = _roll_gateway(suite)
    finally:
        suite.remove()
    left = podman.remains()
    if left:
        raise Failed(f"left over: {', '.join(sorted(left))}")
    return (
        f"ready in {ready:.0f} s; a gateway was replaced while {traffic.accepted} requests were accepted, none failed, "
        f"the slowest took {traffic.slowest_s * 1000:.0f} ms; all of them were delivered"
    )


def _send_one(suite: Suite) -> None:
    answer = httpx.post(f"{suite.rest}/v1/notifications", json=body("first"), timeout=30)
    if answer.status_code != httpx.codes.OK:
        raise Failed(f"{answer.status_code} {answer.text}")
    until(lambda: suite.delivered() == 1, "the sandbox to have it")


def _roll_gateway(suite: Suite) -> Traffic:
    """A second one is there before the first is told to leave; raises :class:`Failed` if a request fails."""
    (first,) = suite.containers("gateway")
    traffic = Traffic(suite.rest)
    with traffic:
        traffic.go_on(STEADY_S)
        suite.scale("gateway", 2)
        suite.until_well("gateway")
        suite.until_envoy_sees(2)
        told = time.monotonic()
        suite.stop(first)
        gone = time.monotonic()
        suite.until_envoy_sees(1)
        traffic.go_on(STEADY_S)
    if traffic.failures:
        shown = "\n".join(traffic.failures[:10])
        stop = f"the gateway was told to stop at {traffic.at(told)} and gone at {traffic.at(gone)}"
        raise Failed(f"{len(traffic.failures)} requests failed, {traffic.accepted} were accepted; {stop}:\n{shown}")
    until(lambda: suite.delivered() >= traffic.accepted + 1, "the sandbox to have all that was accepted")
    return traffic


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
