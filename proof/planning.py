"""The plan of a run in a folder of its own, at free ports: nothing of it is started yet."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from services.local import ports
from services.local.config import LocalSettings
from services.local.home import Home, checkout
from services.local.plan import Plan
from shared.config import base_environment

#: Whatever else runs on this machine is no concern of such a run.
ANY_PORTS = {f"PULSE_{name}_PORT": "0" for name in ("HTTP", "GRPC", "SANDBOX", "METRICS", "SANDBOX_SMTP")}


def make_plan(folder: Path, settings: Mapping[str, str] | None = None, **more: Any) -> Plan:
    """A local run in ``folder``, which is made; ``settings`` are told to all roles, ``more`` are fields of the plan."""
    folder.mkdir(parents=True, exist_ok=True)
    local = LocalSettings.load({"PULSE_HOME": str(folder), **ANY_PORTS})
    home = Home.of(local)
    home.make()
    chosen, _ = ports.choose(local, home.data / "ports.json")
    plan = Plan(home, chosen, {**base_environment(), **(settings or {})}, checkout())
    return dataclasses.replace(plan, **more)


def with_keys(folder: Path, keys: Mapping[str, str], scopes: Sequence[str]) -> dict[str, str]:
    """The settings of a gateway that asks for these keys, by tenant; they are written down in ``folder``."""
    entries = [
        {"tenant": tenant, "name": "caller", "sha256": hashlib.sha256(key.encode()).hexdigest(), "scopes": [*scopes]}
        for tenant, key in keys.items()
    ]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "keys.json"
    file.write_text(json.dumps(entries))
    return {"PULSE_AUTH": "required", "PULSE_GATEWAY_API_KEYS_FILE": str(file)}
