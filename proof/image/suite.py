"""compose.yaml's everyday services, run by podman under a name, ports and images of their own."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable
from graphlib import TopologicalSorter
from pathlib import Path

import httpx

from proof.image import compose_file
from proof.image.images import FOREIGN, PULSE, SERVERS
from proof.image.podman import Failed, Podman
from services.local.home import checkout

#: Longest wait for anything to become ready, s.
READY_S = 180.0

POLL_S = 0.5

_PORTS = ("PULSE_HTTP_PORT", "PULSE_SANDBOX_PORT")

#: Prints how many addresses Envoy spreads calls to the gateway over.
_MEMBERS = """
import re, urllib.request
text = urllib.request.urlopen("http://envoy:8001/metrics", timeout=5).read().decode()
print(re.search(r'^envoy_cluster_membership_healthy.*"pulse-gateway".* (\\d+)$', text, re.MULTILINE)[1])
"""


class Suite:
    """Started by :meth:`start`; :meth:`remove` leaves nothing of it."""

    def __init__(self, podman: Podman, folder: Path, *, stand_ins: bool) -> None:
        self._podman = podman
        self._ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
        self._override = folder / "override.yaml"
        self._override.write_text(override(stand_ins=stand_ins))

    @property
    def rest(self) -> str:
        """Address of REST."""
        return f"http://127.0.0.1:{self._ports['PULSE_HTTP_PORT']}"

    @property
    def sandbox(self) -> str:
        """Address of the sandbox's API."""
        return f"http://127.0.0.1:{self._ports['PULSE_SANDBOX_PORT']}"

    def start(self) -> None:
        """Returns when every server says that it is well and every step has ended well.

        Each is started once those that it depends on are well. Podman does not wait for that before version 4.6.
        """
        services = {name: each for name, each in compose_file.load()["services"].items() if "profiles" not in each}
        needs = {name: set(service.get("depends_on", {})) for name, service in services.items()}
        for name in TopologicalSorter(needs).static_order():
            self._compose("up", "-d", "--no-build", "--no-deps", name)
            self.until_well(name, ends=services[name]["healthcheck"].get("disable", False))

    def until_well(self, service: str, *, ends: bool = False) -> None:
        """Every container of the service is well, or has ended so if it is a step; raises :class:`Failed`."""

        def well() -> bool:
            containers = self.containers(service)
            if ends:
                return bool(containers) and all(self._podman.exit_status(each) == 0 for each in containers)
            return bool(containers) and all(self._podman.healthy(each) for each in containers)

        until(well, f"{service} to become well")

    def containers(self, service: str) -> set[str]:
        """Names of the service's containers."""
        return self._podman.containers(service)

    def scale(self, service: str, count: int) -> None:
        """Adds containers to those that there are."""
        self._compose("up", "-d", "--no-build", "--no-recreate", "--no-deps", "--scale", f"{service}={count}", service)

    def stop(self, container: str) -> None:
        """As an update would: it is told to leave, has the time that compose.yaml gives it, and goes."""
        self._podman.run("stop", "--time", "30", container)
        self._podman.run("rm", container)

    def run_in(self, service: str, program: str) -> str:
        """What a Python program prints inside one of the service's containers."""
        return self._podman.run("exec", sorted(self.containers(service))[0], "python", "-c", program)

    def until_envoy_sees(self, gateways: int) -> None:
        """Envoy spreads calls over so many gateways."""
        until(lambda: int(self.run_in("console", _MEMBERS)) == gateways, f"Envoy to see {gateways} gateway(s)")

    def delivered(self) -> int:
        """Emails that the sandbox accepted."""
        return int(httpx.get(f"{self.sandbox}/api/receipts:count", params={"channel": "EMAIL"}).json()["count"])

    def remove(self) -> None:
        """Containers, networks and volumes go, whatever state they are in; what they said is in podman's log."""
        containers = sorted(self._podman.containers())
        for container in containers:
            self._podman.run("logs", "--tail", "50", container)
        if containers:
            # podman-compose does not know those that were added.
            self._podman.run("rm", "--force", "--time", "5", *containers)
        self._compose("down", "--volumes", "-t", "5")

    def _compose(self, *arguments: str) -> None:
        files = (checkout() / "compose.yaml", self._override)
        self._podman.compose(files, {name: str(port) for name, port in self._ports.items()}, *arguments)


def until(condition: Callable[[], bool], what: str) -> None:
    """Returns once it holds; raises :class:`Failed` if that takes too long."""
    deadline = time.monotonic() + READY_S
    for _ in itertools.count():
        if condition():
            return
        if time.monotonic() > deadline:
            raise Failed(f"waited {READY_S:.0f} s for {what}")
        time.sleep(POLL_S)


def override(*, stand_ins: bool) -> str:
    """Other images; and no ports of the gateway, which two containers could not share."""
    lines = ["services:"]
    for name, service in compose_file.load()["services"].items():
        image = PULSE if service["image"].startswith("pulse:") else SERVERS if stand_ins and name in FOREIGN else ""
        if image:
            lines += [f"  {name}:", f"    image: {image}"]
        if name == "gateway":
            lines += ["    ports: !override []"]
    return "\n".join(lines) + "\n"


def _free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody uses now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
