"""Kubernetes and what belongs to it, built by Go out of the modules beside this file; and Helm."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from proof.kubernetes.commands import run
from services.local.home import checkout

#: Kept between runs.
FOLDER = checkout() / "build" / "kubernetes" / "bin"

VERSION = "1.36.3"

#: Packages by module and by the program's name. The slowest is first, as the others build on what it has compiled.
PROGRAMS = {
    "cluster": {
        "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
        "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
        "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
        "kubelet": "k8s.io/kubernetes/cmd/kubelet",
        "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
        "kubectl": "k8s.io/kubernetes/cmd/kubectl",
        "etcd": "go.etcd.io/etcd/server/v3",
        "metrics-server": "sigs.k8s.io/metrics-server/cmd/metrics-server",
        "coredns": "./cmd/coredns",
        "pause": "./cmd/pause",
    },
    "policies": {"kube-router": "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"},
}

#: Longest time for one program, s: two busy processors and an empty cache.
BUILD_S = 7200.0

#: Longest time for Helm, which comes as it was released, s.
DOWNLOAD_S = 600.0

_MODULES = Path(__file__).parent
_NAME = "k8s.io/component-base/version"


def build(say: Callable[[str], None]) -> None:
    """Makes the programs that are not there; tells of each how long that took."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for module, programs in PROGRAMS.items():
        for name, package in programs.items():
            if not program(name).exists():
                began = time.monotonic()
                _build(module, package, program(name))
                size_mib = program(name).stat().st_size / 2**20
                say(f"{name}: built in {time.monotonic() - began:.0f} s, {size_mib:.0f} MiB")
    if not program("helm").exists():
        run([sys.executable, checkout() / "tools" / "helm_program.py", FOLDER], within_s=DOWNLOAD_S)


def program(name: str) -> Path:
    """Where it is."""
    return FOLDER / name


def _build(module: str, package: str, target: Path) -> None:
    major, minor, _ = VERSION.split(".")
    told = {"gitVersion": f"v{VERSION}", "gitMajor": major, "gitMinor": minor}
    flags = " ".join(["-s", "-w", *(f"-X {_NAME}.{key}={value}" for key, value in told.items())])
    environment = {"CGO_ENABLED": "0"}
    command = ["nice", "-n", "10", "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags]
    run([*command, "-o", str(target), package], cwd=_MODULES / module, within_s=BUILD_S, environment=environment)
