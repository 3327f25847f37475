"""What a local run keeps between starts."""

from __future__ import annotations

import shutil

from services.local import leftovers
from services.local.config import LocalSettings
from services.local.home import Home


def forget(settings: LocalSettings) -> None:
    """Removes the data of the run in ``PULSE_HOME``; logs stay. Raises ``AlreadyRunning`` while it is up."""
    home = Home.of(settings)
    with home.claim():
        leftovers.end(home)
        shutil.rmtree(home.data)
