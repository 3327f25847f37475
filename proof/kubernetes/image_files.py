"""Images of one program each, as files: what `docker save` writes, made without any tool for images."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path


def write(file: Path, program: Path, reference: str) -> None:
    """An image that is this program and nothing else."""
    layer = _tar({program.name: (program.read_bytes(), 0o755)})
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": [f"/{program.name}"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
    ).encode()
    listed = [{"Config": "config.json", "RepoTags": [reference], "Layers": ["layer.tar"]}]
    contents = {"config.json": config, "layer.tar": layer, "manifest.json": json.dumps(listed).encode()}
    file.write_bytes(_tar({name: (data, 0o644) for name, data in contents.items()}))


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    """An archive of these files, by name, with their contents and modes."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, (data, mode) in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), mode
            archive.addfile(member, io.BytesIO(data))
    return written.getvalue()
