"""Who administers Pulse from outside the cluster, by a forwarded port and the client's certificate: the commands of
docs/kubernetes.md, run on the first node.
"""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from proof.kubernetes.cluster import Cluster
from proof.kubernetes.commands import Failed, program_path
from proof.kubernetes.kubectl import Kubectl
from proof.kubernetes.waiting import until

#: As the page says them, in a ledger's pod and where the port is forwarded to.
BOOTSTRAP = "pulse keys bootstrap"
CREATE = "pulse keys create billing --scope send --scope read"

PORT = 50051

#: Longest time until the gateways know a key that was made a moment ago, s.
KNOWN_S = 30.0


def keys(cluster: Cluster) -> str:
    """Makes the first key, with it the first templates, and a key that may send and read, which is returned."""
    first = cluster.kubectl.run("exec", "deployment/ledger", "--", *BOOTSTRAP.split()).strip()
    with _forwarded(cluster.kubectl):
        call = partial(cluster.nodes[0].run, "env", *_environment(cluster, first))
        until(lambda: call("pulse", "keys", "list"), "the first key to be known", KNOWN_S)
        call("python", "-m", "services.cli.seed")
        made: str = call(*CREATE.split())
        return made.split()[-1]


def _environment(cluster: Cluster, key: str) -> list[str]:
    """Variables for programs on the node that call the gateway."""
    folder = cluster.nodes[0].folder / "administrator"
    folder.mkdir(exist_ok=True)
    for file, text in cluster.kubectl.get("secret", "pulse-tls-client")["data"].items():
        (folder / file).write_bytes(base64.b64decode(text))
    files = {"CERT": "tls.crt", "KEY": "tls.key", "CA": "ca.crt"}
    tls = [f"PULSE_TLS_{variable}_FILE={folder / file}" for variable, file in files.items()]
    path = f"PATH={Path(sys.executable).parent}:{program_path()}"
    return [path, *tls, f"PULSE_GATEWAY_ADDRESS=localhost:{PORT}", f"PULSE_API_KEY={key}"]


@contextmanager
def _forwarded(kubectl: Kubectl) -> Iterator[None]:
    """A gateway answers at the node's own port."""
    process = subprocess.Popen(
        kubectl.command("port-forward", "deployment/gateway", str(PORT)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        if not process.stdout.readline().startswith(b"Forwarding"):
            raise Failed("no port of a gateway was forwarded")
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate()
