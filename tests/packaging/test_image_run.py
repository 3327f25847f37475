"""The trial of the image by podman (``make image-test``): as much of it as needs no podman."""

from __future__ import annotations

from pathlib import Path

import pytest

from proof.image import __main__ as trial
from proof.image import compose_file, images, podman, suite


def test_without_podman_it_is_skipped_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(trial, "LOG", tmp_path / "log")
    assert trial.main([]) == 0
    assert capsys.readouterr().out == "SKIPPED: podman is not installed\n"


@pytest.mark.parametrize("stand_ins", [False, True])
def test_only_what_cannot_be_pulled_is_replaced(stand_ins: bool) -> None:
    text = suite.override(stand_ins=stand_ins)
    everyday = {name: each for name, each in compose_file.load()["services"].items() if "profiles" not in each}
    foreign = {name for name, service in everyday.items() if not service["image"].startswith("pulse:")}
    assert foreign == set(images.FOREIGN)
    assert text.count(images.PULSE) == len(everyday) - len(foreign)
    assert text.count(images.SERVERS) == (len(foreign) if stand_ins else 0)


def test_its_images_and_containers_are_nobody_elses() -> None:
    assert images.PULSE.startswith(f"localhost/{podman.PROJECT}/")
    assert podman.PROJECT != "pulse"
