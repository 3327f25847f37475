"""The log level, changed while a process runs: by a file, which a ConfigMap or an editor writes."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from shared.config import Settings
from shared.observe.logs import logger

#: Pause between looks at the file, s.
_PAUSE = 1.0
_LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR"})

log = logger(__name__)


class LevelFile:
    """Applies the level that ``path`` names whenever that changes, and ``default`` when it is gone or empty."""

    def __init__(self, path: Path | None, default: str, pause: float = _PAUSE) -> None:
        self._path = path
        self._default = default
        self._pause = pause
        self._said = default
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-level", daemon=True)

    def start(self) -> None:
        """Looks at once, then again and again; does nothing without a path."""
        if self._path is not None:
            self._thread.start()

    def stop(self) -> None:
        """Looks no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while True:
            self._apply()
            if self._stopping.wait(self._pause):
                return

    def _apply(self) -> None:
        said = self._read()
        if said == self._said:
            return
        self._said = said
        if said in _LEVELS:
            logging.getLogger().setLevel(said)
            log.warning("log level changed", level=said)
        else:
            log.error("the log level file names no level", known=sorted(_LEVELS))

    def _read(self) -> str:
        assert self._path is not None  # noqa: S101 -- nobody looks without one
        try:
            return self._path.read_text(encoding="utf-8").strip().upper() or self._default
        except (OSError, ValueError):  # none, or none that can be read
            return self._default


def following(settings: Settings) -> LevelFile:
    """A process's follower of PULSE_LOG_LEVEL_FILE, started."""
    path = Path(settings.log_level_file) if settings.log_level_file else None
    follower = LevelFile(path, settings.log_level)
    follower.start()
    return follower
