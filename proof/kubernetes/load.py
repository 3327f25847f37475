"""The load of ``proof.load.steady``, sent by a pod through Envoy while something happens."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from proof.kubernetes import callers, sandbox
from proof.kubernetes.commands import Failed
from proof.kubernetes.kubectl import Kubectl

#: Load before and after what happens, s.
STEADY_S = 5.0

#: Longest time for the last to arrive, s.
SETTLE_S = 180.0

_REPORT = "/tmp/steady.json"  # noqa: S108 -- in a pod
_PID = "/tmp/steady.pid"  # noqa: S108


@dataclass(frozen=True)
class Outcome:
    """What a load came to.

    ``repeated`` has the notifications that the sandbox received more than once, and ``unexplained`` those of them that
    did so without an attempt that had stayed unanswered, after which one is sent again.
    """

    sent: int
    answers: dict[str, int]
    failures: list[str]
    slowest_s: float
    missing: dict[str, str]
    repeated: dict[str, int]
    unexplained: dict[str, int]

    @property
    def failed(self) -> int:
        """Requests that were not accepted."""
        return self.sent - self.answers.get("200", 0)

    def require(self, *, no_failures: bool) -> None:
        """Raises :class:`Failed` if one has not arrived, or came twice for no reason, or if a request failed."""
        if self.missing or self.unexplained:
            raise Failed(f"{self}; missing: {self.missing}; twice: {self.unexplained}"[:2000])
        if no_failures and self.failed:
            raise Failed("\n".join([str(self), *self.failures]))

    def __str__(self) -> str:
        answers = ", ".join(f"{count} {kind}" for kind, count in self.answers.items())
        accepted = self.answers.get("200", 0)
        return (
            f"{self.sent} sent ({answers}), slowest {self.slowest_s:.2f} s, {accepted - len(self.missing)} of "
            f"{accepted} accepted arrived, {len(self.repeated)} more than once"
        )


class Load:
    """Goes on while its block runs, and a little before and after; then ``outcome`` is there."""

    def __init__(self, kubectl: Kubectl, rate: float = 20.0, key: str = "") -> None:
        self._kubectl = kubectl
        self._rate = rate
        self._key = key
        self._process: subprocess.Popen[bytes] | None = None
        self.outcome: Outcome | None = None

    def __enter__(self) -> Load:
        options = f"--address {callers.ENVOY} --rate {self._rate} --settle {SETTLE_S} --report {_REPORT}"
        if self._key:
            options += f" --key {self._key}"
        program = f"rm -f {_REPORT}; echo $$ > {_PID}; PYTHONPATH=/load exec python -m proof.load.steady {options}"
        self._process = subprocess.Popen(
            callers.command(self._kubectl, "sh", "-c", program),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        time.sleep(STEADY_S)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        assert self._process is not None
        if kind is not None:
            self._stop("KILL")
            self._process.kill()
            return
        time.sleep(STEADY_S)
        self._stop("TERM")
        said = self._process.communicate(timeout=SETTLE_S + 60)[1].decode()
        self.outcome = self._read(said)

    def _stop(self, signal: str) -> None:
        callers.run(self._kubectl, "sh", "-c", f"kill -{signal} $(cat {_PID})")

    def require(self, *, no_failures: bool = True) -> Outcome:
        """The outcome, once the block has ended; see :meth:`Outcome.require`."""
        assert self.outcome is not None
        self.outcome.require(no_failures=no_failures)
        return self.outcome

    def _read(self, said: str) -> Outcome:
        try:
            report: dict[str, Any] = json.loads(callers.run(self._kubectl, "cat", _REPORT))
        except Failed as failed:
            raise Failed(f"the load has no report: {said[-1000:]}") from failed
        received = sandbox.receipts(self._kubectl, "EMAIL")
        ids = report["accepted_ids"]
        missing = report["missing"] | {each: "never received" for each in ids if not received[each]}
        repeated = {each: received[each] for each in ids if received[each] > 1}
        unanswered = report["unanswered"]
        unexplained = {each: times for each, times in repeated.items() if times > 1 + unanswered.get(each, 0)}
        told = (report["sent"], report["answers"], report["failures"], report["slowest_s"])
        return Outcome(*told, missing, repeated, unexplained)
