"""A node: namespaces of its own for network, mounts, names and processes, and the programs that run in them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from proof.kubernetes.commands import COMMAND_S, Failed, program_path, run
from proof.kubernetes.waiting import until
from shared.config import base_environment

HOLDER = Path(__file__).with_name("holder.py")


class Node:
    """Number 1 or 2. Its files are in ``folder``; after :meth:`close` nothing of it runs or is mounted."""

    def __init__(self, number: int, work: Path) -> None:
        self.number = number
        self.name = f"node{number}"
        self.address = f"10.200.0.{number}"
        self.pods = f"10.244.{number}.0/24"
        self.folder = work / self.name
        self._logs = work / "log"
        self.folder.mkdir()
        self._logs.mkdir(exist_ok=True)
        self._holder = self._hold()
        self.pid = _only_child(self._holder.pid)

    def command(self, program: Sequence[str | Path]) -> list[str]:
        """The program, to be run on the node."""
        inside = ("--net", "--mount", "--uts", "--pid")
        return ["nsenter", "-t", str(self.pid), *inside, "--", *(str(word) for word in program)]

    def run(self, *program: str | Path, stdin: str = "", within_s: float = COMMAND_S) -> str:
        """What a program prints that is run on the node; raises :class:`Failed`."""
        return run(self.command(program), stdin=stdin, within_s=within_s)

    def start(self, name: str, program: Sequence[str | Path], **environment: str) -> subprocess.Popen[bytes]:
        """Starts a program that runs until the node ends; what it says goes into a file of the folder ``log``."""
        with self.log(name).open("wb") as log:
            return subprocess.Popen(
                self.command(program),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=base_environment() | {"PATH": program_path()} | environment,
                start_new_session=True,  # Ctrl-C is for the check alone, which ends them in order
            )

    def log(self, name: str) -> Path:
        """Where that program's output goes."""
        return self._logs / f"{self.name}-{name}.log"

    def close(self) -> None:
        """Ends process 1, whereupon the kernel ends the others and takes the mounts and the network away."""
        self._holder.communicate()
        until(lambda: not Path(f"/proc/{self.pid}").exists(), f"{self.name} to end")

    def _hold(self) -> subprocess.Popen[bytes]:
        own = ("--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc")
        holder = subprocess.Popen(
            ["unshare", *own, sys.executable, "-I", "-S", str(HOLDER), str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert holder.stdout is not None
        if holder.stdout.readline() != b"ready\n":
            raise Failed(f"{self.name} did not begin; it needs root's rights and its own namespaces")
        return holder


def connect(one: Node, other: Node) -> None:
    """A cable between two nodes, and the ways to the other's pods."""
    cable = f"ip link add node0 type veth peer name node0 netns {other.pid}"
    run(["nsenter", "-t", str(one.pid), "--net", "--", *cable.split()])
    for near, far in ((one, other), (other, one)):
        for words in (
            "link set lo up",
            f"addr add {near.address}/24 dev node0",
            "link set node0 up",
            f"route add {far.pods} via {far.address}",
            f"route add default via {far.address}",
        ):
            near.run("ip", *words.split())
        for setting in ("ipv4/ip_forward", "bridge/bridge-nf-call-iptables"):
            near.run("sh", "-c", f"echo 1 > /proc/sys/net/{setting}")
        near.run("hostname", near.name)


def _only_child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())
