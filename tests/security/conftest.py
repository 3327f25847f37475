"""Certificates for roles."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from services.local import certificates


@pytest.fixture(scope="session")
def made_certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for each role; not to be changed."""
    folder = tmp_path_factory.mktemp("certificates")
    certificates.make(folder, dt.datetime.now(dt.UTC))
    return folder


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A port that nothing listens on."""

    def choose() -> int:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            return int(listening.getsockname()[1])

    return choose
