"""Ports of a local run: the standard ones where they are free, remembered ones where not, never one in use."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from services.local.config import LocalSettings
from services.local.errors import LocalError

HOST = "127.0.0.1"

#: Below the range that kernels hand to outgoing connections, so that a chosen port is not lent out
#: before its role has bound it.
FREE_RANGE = range(20_000, 32_000)

#: Settings that name a port which people and scripts use.
PUBLIC = ("http_port", "grpc_port", "sandbox_port", "metrics_port", "sandbox_smtp_port")


@dataclass(frozen=True)
class Ports:
    """One TCP port on the loopback interface for each thing that listens."""

    http: int
    grpc: int
    sandbox: int
    sandbox_smtp: int
    metrics: int
    postgres: int
    valkey: int
    router: int
    ledger: int
    delivery: int
    console: int
    envoy_admin: int

    def address(self, name: str) -> str:
        """``host:port`` of the port called ``name``; empty for an empty name."""
        return f"{HOST}:{getattr(self, name)}" if name else ""


def is_free(port: int) -> bool:
    """Whether a server could listen on ``port`` now (connections that linger in TIME_WAIT do not count)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def choose(settings: LocalSettings, memory: Path) -> tuple[Ports, list[str]]:
    """Picks all ports and keeps them in ``memory`` (a JSON file) for the next run.

    Returns the ports and a sentence for each standard port that was taken. Raises :class:`LocalError`
    when a port that was asked for by its variable is taken.
    """
    last = _remembered(memory)
    chosen: dict[str, int] = {}
    notes: list[str] = []
    for name in (field.name for field in fields(Ports)):
        setting = f"{name}_port"
        wanted = getattr(settings, setting) if setting in PUBLIC else 0
        if wanted and is_free(wanted) and wanted not in chosen.values():
            chosen[name] = wanted
            continue
        if wanted and setting in settings.model_fields_set:
            raise LocalError(
                f"port {wanted} is taken, and PULSE_{setting.upper()} asks for it; free it, or set another (0: any)"
            )
        chosen[name] = any_free(set(chosen.values()), last.get(name, 0))
        if wanted:
            notes.append(f"port {wanted} is taken, so {name} uses {chosen[name]} (PULSE_{setting.upper()} sets it)")
    ports = Ports(**chosen)
    memory.write_text(json.dumps(asdict(ports)))
    return ports, notes


def any_free(taken: set[int], preferred: int = 0) -> int:
    """A port that is free now and not among ``taken``: ``preferred`` if it is such a one. Raises LocalError."""
    if preferred and preferred not in taken and is_free(preferred):
        return preferred
    for _ in range(1_000):
        port = secrets.choice(FREE_RANGE)
        if port not in taken and is_free(port):
            return port
    raise LocalError(f"no free port between {FREE_RANGE.start} and {FREE_RANGE.stop}")


def _remembered(memory: Path) -> Mapping[str, int]:
    try:
        content = json.loads(memory.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {k: v for k, v in content.items() if isinstance(v, int)} if isinstance(content, dict) else {}
