"""The folder of one local run: ``data/``, ``log/`` and ``run/`` under ``PULSE_HOME``."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from services.local.config import LocalSettings
from services.local.errors import AlreadyRunning, LocalError

#: A log longer than this is set aside as ``<role>.log.1`` when its role starts, bytes.
LOG_LIMIT = 10 * 1024 * 1024

#: A glance at the lock (:meth:`Home.holder`) holds it for a moment; only a lock that stays is a supervisor's.
LOCK_ATTEMPTS = 5
LOCK_PAUSE_S = 0.02


def checkout() -> Path:
    """The folder that holds ``services/`` and ``deploy/``."""
    return Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Home:
    """Paths of a local run; nothing is created before :meth:`make`."""

    path: Path

    @classmethod
    def of(cls, settings: LocalSettings) -> Home:
        """The default lies in the checkout wherever the command is typed; a given path starts where one stands."""
        given = Path(settings.home).expanduser()
        base = Path.cwd() if "home" in settings.model_fields_set else checkout()
        return cls((base / given).resolve())

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def status_file(self) -> Path:
        return self.run / "status.json"

    @property
    def lock_file(self) -> Path:
        return self.run / "supervisor.pid"

    def log(self, role: str) -> Path:
        return self.path / "log" / f"{role}.log"

    def pid_file(self, role: str) -> Path:
        return self.run / f"{role}.pid"

    def ready_file(self, role: str) -> Path:
        """Written by a role that listens nowhere (a worker) once it is at work; holds its pid."""
        return self.run / f"{role}.ready"

    def make(self) -> None:
        """Creates the folders, readable by their owner alone: notifications are personal data.

        Raises :class:`LocalError` where they cannot be made or written to.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.data, self.run, self.path / "log"):
                folder.mkdir(mode=0o700, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    pass
        except OSError as error:
            raise LocalError(
                f"{self.path} cannot be used ({error.strerror}): set PULSE_HOME to a folder that may be written to"
            ) from None

    def rotate_log(self, role: str) -> None:
        """Sets a log aside that has grown beyond :data:`LOG_LIMIT`, replacing the one set aside before."""
        log = self.log(role)
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))

    def secret(self, name: str) -> str:
        """A random secret of this home, made when first asked for and kept under ``data/``; all get the same one."""
        file = self.data / f"{name}.secret"
        if not file.exists():
            descriptor, draft = tempfile.mkstemp(prefix=f"{name}.", dir=self.data)  # for its owner alone
            with os.fdopen(descriptor, "w", encoding="ascii") as opened:
                opened.write(secrets.token_urlsafe(32))
            with contextlib.suppress(FileExistsError):
                file.hardlink_to(draft)  # who comes second takes the first's
            Path(draft).unlink()
        return file.read_text(encoding="ascii")

    @property
    def first_key_file(self) -> Path:
        """Holds the first API key until it has been shown."""
        return self.data / "first-api-key.secret"

    @contextlib.contextmanager
    def claim(self) -> Iterator[None]:
        """Holds this home for one supervisor; raises :class:`AlreadyRunning`.

        The lock is the kernel's, so a killed supervisor leaves nothing that has to be judged stale.
        """
        self.make()
        descriptor = self._locked_descriptor()
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            self.lock_file.unlink(missing_ok=True)
            os.close(descriptor)

    def holder(self) -> int | None:
        """The pid of the supervisor at work here, or None. Asks the lock, not the number in the file."""
        try:
            descriptor = os.open(self.lock_file, os.O_RDONLY)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _number(os.pread(descriptor, 32, 0))
        finally:
            os.close(descriptor)
        return None

    def _locked_descriptor(self) -> int:
        pid = 0
        for _ in range(LOCK_ATTEMPTS):
            descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_current(descriptor):
                    return descriptor
            except BlockingIOError:
                pid = _number(os.pread(descriptor, 32, 0))
            os.close(descriptor)
            time.sleep(LOCK_PAUSE_S)
        raise AlreadyRunning(pid, str(self.path))

    def _is_current(self, descriptor: int) -> bool:
        """False when the last holder removed the file between our open and our lock."""
        try:
            return os.path.samestat(os.fstat(descriptor), self.lock_file.stat())
        except FileNotFoundError:
            return False


def _number(raw: bytes) -> int:
    text = raw.decode().strip()
    return int(text) if text.isdigit() else 0
