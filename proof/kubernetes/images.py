"""The images that the nodes run: Pulse's own, now and a release before, stand-ins, and those of single programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from proof.image import images, podman
from proof.kubernetes import image_files
from proof.kubernetes.binaries import program
from proof.kubernetes.commands import Failed, run
from proof.kubernetes.nodes.node import Node
from services.local.home import checkout

#: As the overlays name it, and as the release before is called here.
PULSE = "pulse:local"
BEFORE = "pulse:before"

#: Image names that the stand-ins take over, by their beginning.
SERVERS = ("postgres:", "valkey/valkey:", "envoyproxy/envoy:")

_BEFORE = images.PULSE.replace(":local", ":before")


@dataclass(frozen=True)
class Files:
    """Archives for the nodes to import."""

    folder: Path

    def pack(self, base: str, options: Sequence[str], before: Path) -> None:
        """Builds and writes them all; ``before`` has the code of the release before."""
        self.folder.mkdir()
        try:
            self._build(base, options, before)
        except (podman.Failed, podman.Missing) as failed:
            raise Failed(str(failed)) from failed
        for name in ("pause", "coredns"):
            image_files.write(self.folder / f"{name}.tar", program(name), f"localhost/{name}:proof")

    def _build(self, base: str, options: Sequence[str], before: Path) -> None:
        """Those that podman builds."""
        machine = podman.Podman(checkout() / "build" / "kubernetes" / "images.log")
        images.build(machine, base, options)
        images.build(machine, base, options, root=before, tag=_BEFORE)
        images.build_stand_ins(machine, base, options, self.folder / "stand-ins")
        for name, reference in (("pulse", images.PULSE), ("before", _BEFORE), ("servers", images.SERVERS)):
            machine.run("save", "--output", str(self.folder / f"{name}.tar"), reference)

    def load(self, node: Node, wanted: set[str]) -> None:
        """Imports them on the node, under the names that the manifests ask for."""
        for file in sorted(self.folder.glob("*.tar")):
            node.run("ctr", "--namespace=k8s.io", "images", "import", file, within_s=900)
        for image in wanted | {PULSE, BEFORE}:
            if built := source(image):
                node.run("ctr", "--namespace=k8s.io", "images", "tag", "--force", built, _full(image))

    def sizes_mb(self) -> dict[str, int]:
        """Of the archives."""
        return {file.stem: round(file.stat().st_size / 1e6) for file in sorted(self.folder.glob("*.tar"))}


def remove() -> None:
    """Podman forgets those that were built."""
    for image in (images.PULSE, _BEFORE, images.SERVERS):
        run(["podman", "rmi", "--force", "--ignore", image])


def source(image: str) -> str | None:
    """What was built for this name; None if nothing was."""
    if image.startswith(SERVERS):
        return images.SERVERS
    return {PULSE: images.PULSE, BEFORE: _BEFORE}.get(image)


def _full(image: str) -> str:
    """The name with its registry, as containerd wants it."""
    return f"docker.io/{image}" if "/" in image else f"docker.io/library/{image}"
