"""Valkey with a replica and three Sentinels, for limits and broker: they agree on a new primary by themselves."""

from __future__ import annotations

import dataclasses
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis.asyncio

from proof.chaos.arrangement import Arrangement, told
from proof.chaos.faults import Fault
from proof.chaos.findings import Violation
from proof.waiting import until
from services.local import probes, valkey, wheels
from services.local.plan import Plan
from services.local.ports import HOST, any_free
from services.local.roles import Role

PRIMARY = "pulse"
REPLICA = "valkey-replica"
SENTINELS = ("sentinel-1", "sentinel-2", "sentinel-3")
#: A primary that is silent for so long is taken for dead, ms; in production some seconds.
DOWN_AFTER_MS = 1000
#: Longest wait for the replica to be in step, and for a new primary, s.
PATIENCE_S = 20.0


class ValkeySentinel(Arrangement):
    """A primary, its replica, and those who watch them; router and workers know only the Sentinels."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._password = plan.home.secret("valkey")
        self._ports: dict[str, int] = {}
        for name in (REPLICA, *SENTINELS):
            taken = {*dataclasses.asdict(plan.ports).values(), *self._ports.values()}
            self._ports[name] = any_free(taken)
        self._ports["valkey"] = plan.ports.valkey

    def roles(self, roles: Sequence[Role]) -> list[Role]:
        limits = {"PULSE_REDIS_URL": self._url(0)}
        broker = {"PULSE_BROKER_URL": self._url(1)}
        changed: list[Role] = []
        for role in roles:
            if role.name == "valkey":
                changed += [
                    dataclasses.replace(role, command=lambda _plan: self._server("valkey")),
                    self._replica(role),
                ]
                changed += [self._sentinel(role, name) for name in SENTINELS]
            elif role.name == "router":
                changed.append(dataclasses.replace(told(role, limits | broker), after=SENTINELS))
            elif role.name.startswith("worker-"):
                changed.append(dataclasses.replace(told(role, broker), after=SENTINELS))
            else:
                changed.append(role)
        return changed

    async def primary(self) -> str:
        """Which of the two the Sentinels call the primary."""
        async with self.client(SENTINELS[0]) as sentinel:
            _, port = await sentinel.sentinel_get_master_addr_by_name(PRIMARY)
        return next(name for name, own in self._ports.items() if own == int(port))

    async def standing(self, name: str) -> dict[str, Any]:
        """What one of the two says of its part in the replication."""
        async with self.client(name) as server:
            return dict(await server.info("replication"))

    async def in_step(self) -> bool:
        """Whether the replica follows, and every Sentinel knows it and the others."""
        if (await self.standing(REPLICA)).get("master_link_status") != "up":
            return False
        for name in SENTINELS:
            async with self.client(name) as sentinel:
                state = (await sentinel.sentinel_masters())[PRIMARY]
                if (state["num-slaves"], state["num-other-sentinels"]) != (1, len(SENTINELS) - 1):
                    return False
        return True

    def client(self, name: str) -> Any:
        """A client of one of the five."""
        return redis.asyncio.Redis(host=HOST, port=self._ports[name], password=self._password, socket_timeout=3)

    def _url(self, number: int) -> str:
        places = ",".join(f"{HOST}:{self._ports[name]}" for name in SENTINELS)
        return f"redis+sentinel://:{self._password}@{places}/{PRIMARY}/{number}?sentinel_password={self._password}"

    def _replica(self, primary: Role) -> Role:
        return dataclasses.replace(
            primary,
            name=REPLICA,
            command=lambda _plan: [*self._server(REPLICA), "--replicaof", f"{HOST} {self._ports['valkey']}"],
            probe=lambda _plan: probes.valkey_ping(self._ports[REPLICA]),
            port="",
            after=("valkey",),
            prepare=lambda _plan: None,
        )

    def _sentinel(self, primary: Role, name: str) -> Role:
        return dataclasses.replace(
            primary,
            name=name,
            command=lambda _plan: [str(wheels.valkey_server()), str(self._file(name)), "--sentinel"],
            probe=lambda _plan: probes.valkey_ping(self._ports[name]),
            port="",
            after=(REPLICA,),
            prepare=lambda _plan: self._write(name),
        )

    def _server(self, name: str) -> list[str]:
        """A laptop's command line, on another port; whoever becomes a replica knows the password."""
        there = dataclasses.replace(self.plan, ports=dataclasses.replace(self.plan.ports, valkey=self._ports[name]))
        return [*valkey.command(there), "--primaryauth", self._password]

    def _file(self, name: str) -> Path:
        return self.plan.home.data / f"{name}.conf"

    def _write(self, name: str) -> None:
        """A Sentinel's settings, which it rewrites itself."""
        lines = [
            f"bind {HOST}",
            f"port {self._ports[name]}",
            f"dir {self.plan.home.data}",
            f"requirepass {self._password}",
            f"sentinel sentinel-pass {self._password}",
            f"sentinel monitor {PRIMARY} {HOST} {self._ports['valkey']} 2",
            f"sentinel auth-pass {PRIMARY} {self._password}",
            f"sentinel down-after-milliseconds {PRIMARY} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {PRIMARY} 5000",
        ]
        self._file(name).write_text("\n".join(lines) + "\n", encoding="ascii")


class ValkeyFailover(Fault):
    """SIGSTOP of the primary, then kill -9: it is silent, the Sentinels make the replica the primary, it comes back."""

    name = "valkey-failover"

    @property
    def lasts_s(self) -> float:
        return 3.0

    async def prepare(self) -> None:
        if not await until(self._servers.in_step, PATIENCE_S):
            raise TimeoutError("replica and Sentinels do not know each other, so that nothing would be tried")

    async def strike(self) -> None:
        began = time.monotonic()
        self.suite.condemn("valkey")
        # Silent first, as a lost machine is: one that only ends is started again before the Sentinels miss it.
        self.suite.send("valkey", signal.SIGSTOP)
        if not await until(self._is_replaced, PATIENCE_S):
            raise TimeoutError("the Sentinels made no other the primary")
        self.what = f"a new primary after {time.monotonic() - began:.2f} s"
        self.suite.send("valkey", signal.SIGKILL)

    async def aftermath(self) -> list[Violation]:
        """The old primary follows the new one, and the suite has used the new one."""

        async def follows() -> bool:
            return bool((await self._servers.standing("valkey"))["role"] == "slave")

        if await until(follows, PATIENCE_S) and await until(self._is_used, PATIENCE_S):
            return []
        return [Violation("I14", "no failover", "valkey", "the old primary is one still, or the new one is not used")]

    async def _is_replaced(self) -> bool:
        return await self._servers.primary() == REPLICA

    async def _is_used(self) -> bool:
        """Whether limits' scripts were run at the new primary, and the broker (database 1) is there.

        A replica is told of what scripts wrote, not of scripts: those that it counts were asked of itself.
        """
        async with self._servers.client(REPLICA) as server:
            run = [command for command in await server.info("commandstats") if command.startswith("cmdstat_eval")]
            return bool(run) and any(one["db"] == "1" for one in await server.client_list())

    @property
    def _servers(self) -> ValkeySentinel:
        assert isinstance(self.suite.arrangement, ValkeySentinel)
        return self.suite.arrangement
