"""A plain Celery sender loses what it acknowledged, and the checker says so."""

from __future__ import annotations

from pathlib import Path

from proof.chaos.control.run import running, verdict

NOTIFICATIONS = 60


async def test_the_checker_catches_what_a_plain_celery_sender_loses(tmp_path: Path) -> None:
    """Undisturbed it loses nothing. Killed, it loses what its worker had taken; wiped, what its broker held."""

    async def nothing() -> None:
        return

    async with running(tmp_path) as control:
        strikes = {"quiet": nothing, "kill": lambda: control.kill_and_restart("worker"), "wipe": control.flush}
        found = {name: await verdict(control, name, NOTIFICATIONS, strike) for name, strike in strikes.items()}
    assert [one.figures.acknowledged for one in found.values()] == [NOTIFICATIONS] * 3
    assert found["quiet"].violations == []
    for name in ("kill", "wipe"):
        assert found[name].figures.lost > 0
        assert {violation.invariant for violation in found[name].violations} == {"I2"}
