"""The command, run in this process against a gateway that is really served."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.app import build
from tests.client.fake_gateway import FakeGateway


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    gateway = FakeGateway()
    gateway.start()
    yield gateway
    gateway.stop()


@pytest.fixture
def pulse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gateway: FakeGateway) -> Callable[..., Result]:
    """Runs ``pulse`` with these arguments; its gateway is the one served, its home is empty."""
    monkeypatch.setenv("PULSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PULSE_GATEWAY_ADDRESS", gateway.address)
    return lambda *arguments, **more: CliRunner().invoke(build(), [str(each) for each in arguments], **more)
