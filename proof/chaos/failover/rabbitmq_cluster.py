"""RabbitMQ of three nodes with quorum queues as the broker: a wake-up is published once two nodes have it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from proof.chaos.arrangement import Arrangement, told
from proof.chaos.faults import Fault
from proof.chaos.findings import Violation
from proof.chaos.load import Load
from proof.waiting import accepts, until
from services.local import probes
from services.local.plan import Plan
from services.local.ports import HOST, any_free
from services.local.roles import Role
from shared.broker import QUEUES
from shared.config import base_environment

NODES = ("rabbit-1", "rabbit-2", "rabbit-3")
#: Erlang's daemon of names, of the suite's own.
NAMES = "epmd"
#: Where the packages of RabbitMQ put its programs; those in the path change to a user of its own.
PROGRAMS = Path("/usr/lib/rabbitmq/bin")
JSON = ("--formatter", "json")
#: Erlang's own times are for many processors.
ERLANG = "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none"
#: A node that is silent for so long is taken for lost by the others, s; RabbitMQ's default is 60.
TICK_S = 4
#: How long a node is silent, s, or else until sends go on: longer than the others wait for it.
SILENCE_S = 3 * TICK_S
#: Notifications that are sent in that time, about.
MORE = 40
#: Longest wait for what a node is to do, s.
PATIENCE_S = 60.0


class RabbitMqCluster(Arrangement):
    """Three nodes, of which router and workers know all."""

    ready_s = 120.0

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._ports: dict[str, int] = {}
        for name in (NAMES, *NODES, *(_distribution(node) for node in NODES)):
            self._ports[name] = any_free({*dataclasses.asdict(plan.ports).values(), *self._ports.values()})
        self._password = plan.home.secret("rabbitmq")

    @classmethod
    def missing(cls) -> str:
        return "" if (PROGRAMS / "rabbitmq-server").exists() else "rabbitmq-server"

    def roles(self, roles: Sequence[Role]) -> list[Role]:
        places = ",".join(f"{HOST}:{self._ports[node]}" for node in NODES)
        broker = {"PULSE_BROKER_URL": f"amqp://pulse:{self._password}@{places}//?queue_type=quorum"}

        def changed(role: Role) -> Role:
            if role.name != "router" and not role.name.startswith("worker-"):
                return role
            return dataclasses.replace(told(role, broker), after=(*role.after, *NODES))

        names = Role(
            NAMES, lambda _plan: ["epmd", "-port", str(self._ports[NAMES])], lambda _plan: self._listens(NAMES)
        )
        names = told(names, {"ERL_EPMD_ADDRESS": HOST})
        return [*map(changed, roles), names, *(self._node(node) for node in NODES)]

    async def members(self) -> dict[str, int]:
        """On how many nodes each queue is."""
        listed = await asyncio.to_thread(
            subprocess.run,
            [str(PROGRAMS / "rabbitmqctl"), "-n", _full(NODES[0]), "-q", "list_queues", "name", "online", *JSON],
            env={**base_environment(), **self._erlang()},
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        queues: list[dict[str, Any]] = json.loads(listed.stdout) if listed.returncode == 0 else []
        return {queue["name"]: len(queue["online"]) for queue in queues if isinstance(queue["online"], list)}

    async def is_up(self, node: str) -> bool:
        return await self._listens(node)(0)

    def _node(self, name: str) -> Role:
        folder = self.plan.home.data / name
        return told(
            Role(
                name,
                lambda _plan: [str(PROGRAMS / "rabbitmq-server")],
                lambda _plan: self._listens(name),
                after=(NAMES,),
                prepare=lambda _plan: self._write(folder),
            ),
            {
                **self._erlang(),
                "RABBITMQ_NODENAME": _full(name),
                "RABBITMQ_NODE_IP_ADDRESS": HOST,
                "RABBITMQ_NODE_PORT": str(self._ports[name]),
                "RABBITMQ_DIST_PORT": str(self._ports[_distribution(name)]),
                "RABBITMQ_MNESIA_BASE": str(folder / "data"),
                "RABBITMQ_LOG_BASE": str(folder / "log"),
                "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
                "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
                # Without a shell around it: its process is the one that is killed.
                "RABBITMQ_ALLOW_INPUT": "1",
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG,
                "RABBITMQ_SERVER_START_ARGS": "-noinput -kernel inet_dist_use_interface {127,0,0,1}",
            },
        )

    def _write(self, folder: Path) -> None:
        """A node's settings, and the secret by which nodes know each other."""
        folder.mkdir(exist_ok=True)
        cookie = self.plan.home.data / ".erlang.cookie"
        if not cookie.exists():
            cookie.touch(mode=0o600)
            cookie.write_text(self._password, encoding="ascii")
        lines = [
            "default_user = pulse",
            f"default_pass = {self._password}",
            "cluster_partition_handling = pause_minority",
            f"net_ticktime = {TICK_S}",
            "disk_free_limit.absolute = 1MB",
            "log.console = true",
            "log.file = false",
            "cluster_formation.peer_discovery_backend = classic_config",
            *(f"cluster_formation.classic_config.nodes.{n} = {_full(node)}" for n, node in enumerate(NODES, 1)),
        ]
        (folder / "rabbitmq.conf").write_text("\n".join(lines) + "\n", encoding="ascii")
        (folder / "plugins").write_text("[].\n", encoding="ascii")

    def _erlang(self) -> Mapping[str, str]:
        """By what programs in Erlang find each other, and no others of this machine."""
        return {
            "HOME": str(self.plan.home.data),
            "ERL_EPMD_PORT": str(self._ports[NAMES]),
            "ERL_EPMD_ADDRESS": HOST,
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        }

    def _listens(self, name: str) -> probes.Probe:
        """Ready when it takes connections, which a node does at the end of its start."""

        async def probe(_pid: int) -> bool:
            return accepts(self._ports[name])

        return probe


class RabbitMqFailover(Fault):
    """kill -9 of one node; when it is back another falls silent, so that the cluster is partitioned, and comes back."""

    name = "rabbitmq-failover"

    async def prepare(self) -> None:
        if not await until(self._everywhere, PATIENCE_S, 1.0):
            raise TimeoutError("the queues are not on all nodes, so that nothing would be tried")

    async def strike(self) -> None:
        # Whoever uses the broker is at the first node of its address, and then at the second.
        killed, silent = NODES[:2]
        began = time.monotonic()
        self.suite.condemn(killed)
        self.suite.send(killed, signal.SIGKILL)
        await asyncio.sleep(self.phase.spread_s)
        if not await until(lambda: self._cluster.is_up(killed), PATIENCE_S):
            raise TimeoutError("the node that was killed did not come back")
        self.what = f"{killed} killed, back after {time.monotonic() - began:.1f} s"
        self.suite.send(silent, signal.SIGSTOP)
        try:
            await asyncio.gather(asyncio.sleep(SILENCE_S), self._send_meanwhile())
        finally:
            self.suite.send(silent, signal.SIGCONT)

    async def _send_meanwhile(self) -> None:
        """More of the load, and how long it takes until the first of it is at its provider."""
        began, before = time.monotonic(), await self.window.rows()
        prefix = f"{self.window.prefix}-s"
        self.window.driver.start(Load(prefix, prefix).steps(MORE), SILENCE_S / 2)

        async def sent() -> bool:
            return bool(self.window.receipts() & ((await self.window.rows()).keys() - before.keys()))

        self._went_on = await until(sent, PATIENCE_S)
        self.what += f"; sent again {time.monotonic() - began:.1f} s after {NODES[1]} fell silent"

    async def aftermath(self) -> list[Violation]:
        """Sends went on while a node was silent, and every queue is on all nodes again."""
        found = [] if self._went_on else [Violation("I14", "waits for a silent node", "rabbitmq", self.what)]
        if not await until(self._everywhere, PATIENCE_S, 1.0):
            found.append(Violation("I14", "not whole again", "rabbitmq", str(await self._cluster.members())))
        return found

    async def _everywhere(self) -> bool:
        found = await self._cluster.members()
        return len(found) == len(QUEUES) and set(found.values()) == {len(NODES)}

    @property
    def _cluster(self) -> RabbitMqCluster:
        assert isinstance(self.suite.arrangement, RabbitMqCluster)
        return self.suite.arrangement


def _full(node: str) -> str:
    """A node's name as Erlang has it."""
    return f"{node}@localhost"


def _distribution(node: str) -> str:
    """The port by which nodes talk to each other."""
    return f"{node}-distribution"
