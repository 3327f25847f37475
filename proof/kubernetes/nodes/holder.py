"""Process 1 of a node: what else runs on the node ends when this does, and this ends with the check that started it.

Started in namespaces of its own, it makes the machine's folders private to the node, says ``ready``, and goes on until
its standard input ends. What the node writes to those folders lands in the folder given as its argument. Run as a file,
it needs nothing but Python.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

#: Folders in which programs leave something behind, wherever they are told to put it.
WRITTEN = ("etc", "opt", "var")


def main(folder: Path) -> None:
    """Returns when the check is gone."""
    mount("--make-rprivate", "/")
    for name in WRITTEN:
        upper, work = folder / "upper" / name, folder / "overlay" / name
        upper.mkdir(parents=True)
        work.mkdir(parents=True)
        mount("-t", "overlay", "-o", f"lowerdir=/{name},upperdir={upper},workdir={work}", "overlay", f"/{name}")
    # Sockets, locks and the names of namespaces.
    mount("-t", "tmpfs", "tmpfs", "/run")
    # A mount of the kubelet's is seen by the runtime.
    mount("--make-rshared", "/")
    # Those whose parents have ended become this one's children: the kernel is to forget them when they end.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()


def mount(*arguments: str) -> None:
    """Raises ``CalledProcessError``."""
    subprocess.run(["mount", *arguments], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
