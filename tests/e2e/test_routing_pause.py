"""Pauses: what is meant for a stopped channel or provider waits, spends no attempt, and goes once it is let go on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from proof.local_run import pulse
from proof.waiting import wait_until
from tests.e2e.notifications import events, new, reasons, send, told
from tests.e2e.suite import Suite


@contextlib.contextmanager
def paused(suite: Suite, **what: str) -> Iterator[None]:
    """Stopped until the block ends."""
    assert suite.rest.post("/v1/operations/delivery:pause", json=what).status_code == 200
    try:
        yield
    finally:
        assert suite.rest.post("/v1/operations/delivery:resume", json=what).status_code == 200


def state(suite: Suite, provider: str) -> dict[str, Any]:
    """How the provider does, as operators see it."""
    found = suite.rest.get("/v1/operations/providers").json()["providers"]
    return dict(next(one for one in found if one["provider"] == provider))


@pytest.mark.parametrize(
    ("what", "reason"),
    [({"channel": "push"}, "DEFERRED: PUSH is paused"), ({"provider": "fcm"}, "DEFERRED: fcm is paused")],
)
def test_what_is_paused_waits_without_an_attempt_and_goes_when_resumed(
    suite: Suite, what: dict[str, str], reason: str
) -> None:
    with paused(suite, **what):
        waiting = send(suite, "welcome_push", channel="push", to=new("token"))
        wait_until(lambda: events(told(suite, waiting), "DEFERRED"))
        shown = state(suite, "fcm")
        assert shown["channel_paused"] if "channel" in what else shown["paused"]
        notification = told(suite, waiting)
        assert (notification["status"], notification["attempt_count"]) == ("QUEUED", 0)
        assert reasons(notification, "pause")[0] == reason
        suite.until_arrived(send(suite, "welcome_email"))  # the other channels go on
    assert suite.until_arrived(waiting)["provider"] == "fcm"
    assert told(suite, waiting)["attempt_count"] == 1


def test_the_command_shows_pauses_and_lets_go_on(suite: Suite) -> None:
    with paused(suite, channel="push"):
        listed = pulse(suite.home, "providers", "list")
        assert listed.returncode == 0, listed.stderr
        line = next(line for line in listed.stdout.splitlines() if "fcm" in line)
        assert line.split()[:5] == ["PUSH", "fcm", "CLOSED", "AUTOMATIC", "channel"]
        resumed = pulse(suite.home, "providers", "resume", "--channel", "push")
        assert resumed.returncode == 0, resumed.stderr
        wait_until(lambda: not state(suite, "fcm")["channel_paused"])
