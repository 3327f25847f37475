"""What ends a local run, each with a sentence for whoever typed the command."""

from __future__ import annotations


class LocalError(Exception):
    """A local run cannot go on; the text says why and what would help."""

    #: The exit status of the command: 2 if what it was given has to change.
    status = 2


class AlreadyRunning(LocalError):
    """Another supervisor holds this ``PULSE_HOME``; ``pid`` is its process id (0: not known yet)."""

    status = 1

    def __init__(self, pid: int, home: str) -> None:
        super().__init__(f"Pulse is already running in {home} (pid {pid}); stop it first, or set another PULSE_HOME")
        self.pid = pid


class StartFailed(LocalError):
    """A role did not become ready; ``role`` names it, ``reason`` says why, ``tail`` has the last lines of its log."""

    status = 1

    def __init__(self, role: str, reason: str, tail: str = "") -> None:
        super().__init__(f"{role} did not start: {reason}")
        self.role = role
        self.reason = reason
        self.tail = tail
