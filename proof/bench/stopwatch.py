"""Wall and CPU time of a block, for a result."""

from __future__ import annotations

import resource
import time

from proof.bench.spec import Result


class Stopwatch:
    """Runs while its block does."""

    def __enter__(self) -> Stopwatch:
        self._began_ns, self._began, self._cpu = time.time_ns(), time.perf_counter(), _cpu()
        return self

    def __exit__(self, *_: object) -> None:
        self._seconds, self._cpu = time.perf_counter() - self._began, _cpu() - self._cpu

    def timed(self, result: Result) -> Result:
        """The result with these times."""
        result.seconds, result.cpu_seconds, result.began_ns = self._seconds, self._cpu, self._began_ns
        return result


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
