"""What every process does as it starts: it shows its settings, and says in a sentence why it cannot start."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NoReturn

from shared.config import ConfigError, Settings, StartError
from shared.observe import logs


def show(settings: Settings) -> None:
    """Logs what this process runs with, redacted, and warns of what that leaves unprotected."""
    log = logs.logger(__name__)
    log.info("settings", **{f"set_{name}": value for name, value in settings.redacted().items()})
    for risk in settings.risks():
        log.warning("unprotected", risk=risk)


def cannot_start(error: StartError) -> NoReturn:
    """Logs why and ends the process with status 2."""
    what = "configuration: " if isinstance(error, ConfigError) else ""
    logs.logger(__name__).error("cannot start", reason=f"{what}{error}")
    raise SystemExit(2) from None


@contextlib.contextmanager
def starting() -> Iterator[None]:
    """What the machine refuses inside the block, a file or a port, becomes a :class:`StartError`."""
    try:
        yield
    except OSError as error:
        words = error.strerror or type(error).__name__
        raise StartError(f"{error.filename}: {words}" if error.filename else words) from None
