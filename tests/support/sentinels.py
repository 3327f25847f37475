"""A real Sentinel, and two Valkeys of which either may be the primary, for a test of its own."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import redis

from proof.planning import make_plan
from proof.waiting import accepts
from services.local import wheels
from services.local.ports import any_free
from tests.support.servers import running, valkey_server

PRIMARY = "pulse"


class Watched:
    """Two Valkeys with one password, and a Sentinel with another."""

    def __init__(self, port: int, valkeys: list[redis.Redis], ports: list[int], secrets: list[str]) -> None:
        self.password = secrets[1]
        self.replica = valkeys[1]
        self._primary = valkeys[0]
        self._login, self._ports = secrets[0], ports
        self.primary_url = f"redis://:{secrets[0]}@127.0.0.1:{ports[0]}"
        self._place = f"127.0.0.1:{port}"
        self._sentinel = redis.Redis(port=port, password=self.password)

    def url(self, number: int, *before: str) -> str:
        """As a setting names it; ``before``: places that are asked first."""
        places = ",".join((*before, self._place))
        return f"redis+sentinel://:{self._login}@{places}/{PRIMARY}/{number}?sentinel_password={self.password}"

    def name(self, number: int) -> None:
        """Has the Sentinel call one of the two the primary."""
        with contextlib.suppress(redis.ResponseError):  # at first there is none
            self._sentinel.sentinel_remove(PRIMARY)
        self._sentinel.sentinel_monitor(PRIMARY, "127.0.0.1", self._ports[number], 1)
        self._sentinel.sentinel_set(PRIMARY, "auth-pass", self._login)

    def fail_over(self) -> None:
        """What a Sentinel brings about: the other one is the primary, and the first a replica, which takes no writes.

        By hand, as it would take it some ten seconds; the chaos tests wait for it.
        """
        self._primary.config_set("primaryauth", self._login)
        self._primary.replicaof("127.0.0.1", self._ports[1])
        self.name(1)

    def close(self) -> None:
        for client in (self._sentinel, self._primary, self.replica):
            client.close()


@contextlib.contextmanager
def watched_valkey(folder: Path) -> Iterator[Watched]:
    """Runs the three until the block ends."""
    plans = [make_plan(folder / name) for name in ("one", "two")]
    secrets = [plan.home.secret("valkey") for plan in plans]
    ports = [plan.ports.valkey for plan in plans]
    with contextlib.ExitStack() as stack:
        for plan in plans:
            stack.enter_context(valkey_server(plan))
        with redis.Redis(port=ports[1], password=secrets[1]) as second:
            second.config_set("requirepass", secrets[0])
        port = any_free(set(ports))
        file = folder / "sentinel.conf"
        file.write_text(f"bind 127.0.0.1\nport {port}\ndir {folder}\nrequirepass {secrets[1]}\n")
        command = [str(wheels.valkey_server()), str(file), "--sentinel"]
        stack.enter_context(running(command, folder / "sentinel.log", lambda: accepts(port), signal.SIGTERM))
        clients = [redis.Redis(port=one, password=secrets[0]) for one in ports]
        for client in clients:
            client.config_set("shutdown-timeout", 0)  # for replicas, which nobody waits for here
        watched = Watched(port, clients, ports, secrets)
        stack.callback(watched.close)
        watched.name(0)
        yield watched
