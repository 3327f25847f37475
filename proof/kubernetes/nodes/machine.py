"""What the machine must have, and the settings of its kernel that a kubelet changes for all of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from proof.kubernetes.commands import Failed, program_path

#: Programs, and the Debian packages that bring them.
PROGRAMS = {
    "go": "golang (1.26 or newer)",
    "git": "git",
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "podman": "podman",
    "iptables": "iptables",
    "ipset": "ipset",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
}

#: Where Debian's containernetworking-plugins are.
NETWORK_PLUGINS = Path("/usr/lib/cni")

DISK_GB = 10
MEMORY_GB = 3

#: A kubelet sets these at its start.
KUBELETS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)

_SETTINGS = Path("/proc/sys")


def require(work: Path) -> None:
    """Raises :class:`Failed` with all that is missing; ``work`` is where the images and the containers will lie."""
    lacking = [*_programs(), *_room(work)]
    if os.geteuid() != 0:
        lacking.append("root's rights")
    if not NETWORK_PLUGINS.is_dir():
        lacking.append("containernetworking-plugins")
    if not (_SETTINGS / "net/bridge/bridge-nf-call-iptables").exists():
        lacking.append("the kernel's br_netfilter (modprobe br_netfilter)")
    if lacking:
        raise Failed("the machine lacks " + ", ".join(lacking))


def _programs() -> Iterator[str]:
    for program, package in PROGRAMS.items():
        if shutil.which(program, path=program_path()) is None:
            yield f"{program} (package {package})"


def _room(work: Path) -> Iterator[str]:
    free_gb = shutil.disk_usage(work).free / 1e9
    if free_gb < DISK_GB:
        yield f"disk: {free_gb:.0f} GB of {DISK_GB} are free"
    available = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemAvailable"))
    available_gb = int(available.split()[1]) * 1024 / 1e9
    if available_gb < MEMORY_GB:
        yield f"memory: {available_gb:.1f} GB of {MEMORY_GB} are free"


@contextmanager
def settings_kept() -> Iterator[None]:
    """The kernel's settings are afterwards as they were before."""
    before = {name: (_SETTINGS / name).read_text() for name in KUBELETS}
    try:
        yield
    finally:
        for name, value in before.items():
            (_SETTINGS / name).write_text(value)
