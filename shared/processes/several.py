"""How a role runs as one process or as several: the same for every role."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from prometheus_client import CollectorRegistry

from shared.config import PREFIX, Settings, StartError, base_environment
from shared.observe import log_level, logs
from shared.observe.metrics_endpoint import MetricsEndpoint
from shared.processes.child import Child
from shared.processes.parent import Parent
from shared.processes.place import shared_place
from shared.processes.start import cannot_start, show, starting
from shared.processes.sums import Sums


class Ready(Protocol):
    """Where a role without a port shows that it is ready."""

    def prepare(self) -> None: ...
    def write(self) -> None: ...
    def remove(self) -> None: ...


@dataclass(frozen=True)
class Role:
    """A role as its parent runs it.

    ``listens``: what its children listen on together, by setting (``LISTEN`` say). ``ready`` shows that one serves.
    """

    name: str
    settings: Settings
    processes: int
    listens: Mapping[str, str] = field(default_factory=dict)
    ready: Ready | None = None

    def show_ready(self, yes: bool) -> None:
        """Shows that one serves, or that none does."""
        if self.ready:
            (self.ready.write if yes else self.ready.remove)()


def serving(name: str, settings: Settings, processes: int, default_listen: str) -> Role:
    """A role that serves gRPC."""
    listens = {"LISTEN": settings.listen or default_listen, "HEALTH_LISTEN": settings.health_listen}
    return Role(name, settings, processes, {setting: address for setting, address in listens.items() if address})


def run(role: Role, child: Child | None, serve: Callable[[], None]) -> None:
    """Serves in this process, if it is the only one or a child; else starts the children and ends when they have."""
    if child is not None or role.processes == 1:
        return serve()
    logs.configure(role.name, role.settings.log_level)
    show(role.settings)
    try:
        _start(role)
    except StartError as error:
        cannot_start(error)


def _start(role: Role) -> NoReturn:
    """Each child is started as this process was, so that it is the same program with the same arguments."""
    follower = log_level.following(role.settings)
    with contextlib.ExitStack() as stack:
        stack.callback(follower.stop)
        if role.ready:
            with starting():
                role.ready.prepare()
            stack.callback(role.ready.remove)
        places = {
            f"{PREFIX}{setting}": stack.enter_context(shared_place(f"{PREFIX}{setting}", address))
            for setting, address in role.listens.items()
        }
        raise SystemExit(asyncio.run(_run(role, {**base_environment(), **places})))


async def _run(role: Role, environment: Mapping[str, str]) -> int:
    command = [sys.executable, *sys.orig_argv[1:]]
    parent = Parent(command, environment, role.processes, tell_ready=role.show_ready)
    registry = CollectorRegistry()
    registry.register(Sums(lambda: dict(member.figures for member in parent.members if member.figures)))
    endpoint = MetricsEndpoint(role.name, role.settings, registry)
    endpoint.start()
    try:
        return await parent.run()
    finally:
        await asyncio.to_thread(endpoint.stop)
        logs.logger(__name__).info("stopped", role=role.name)
