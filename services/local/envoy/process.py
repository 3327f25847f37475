"""Envoy of a local run: the template in ``deploy/envoy`` with this run's addresses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from services.local import wheels
from services.local.envoy import cors, edge_script, spread, tls, tracing
from services.local.errors import LocalError
from services.local.plan import Plan
from services.local.ports import HOST

#: What Envoy may take for what is under way, MiB; as it nears, the largest requests are ended first.
HEAP_MIB = 256


def config_file(plan: Plan) -> Path:
    return plan.home.data / "envoy" / "envoy.yaml"


def command(plan: Plan) -> Sequence[str]:
    """Envoy's command line. Hot restart is off because it would tie runs on one machine together."""
    options = ["--concurrency", "2", "--disable-hot-restart", "--log-level", "warning"]
    return [str(wheels.envoy()), "-c", str(config_file(plan)), *options]


def prepare(plan: Plan) -> None:
    """Writes the configuration; raises :class:`LocalError` when the checkout lacks a file it refers to."""
    folder = plan.root / "deploy" / "envoy"
    descriptor = plan.root / "proto" / "gen" / "pulse" / "descriptor.binpb"
    target = config_file(plan)
    script, door = target.parent / "edge.lua", target.parent / "door.lua"
    target.parent.mkdir(exist_ok=True)
    try:
        script.write_text(edge_script.text(folder, descriptor))
        door.write_text(edge_script.door(folder))
        target.write_text(render((folder / "envoy.yaml").read_text(), values(plan, script, door, descriptor)))
    except FileNotFoundError as error:
        raise LocalError(f"{error.filename} is missing; a local run needs a complete checkout") from None
    if plan.certificates:
        tls.write_secrets(target.parent, plan.certificates / "edge")


def values(plan: Plan, lua: Path, door: Path, descriptor: Path) -> dict[str, Any]:
    """What the template's placeholders stand for on a laptop."""
    secrets = config_file(plan).parent if plan.certificates else None
    return {
        "LISTEN_HOST": HOST,
        "HTTP_PORT": plan.ports.http,
        "ADMIN_HOST": HOST,
        "ADMIN_PORT": plan.ports.envoy_admin,
        "METRICS_PORT": 0,  # any: here the administration page itself can be asked
        "GATEWAY_HOST": HOST,
        "GATEWAY_PORT": plan.ports.grpc,
        "DELIVERY_HOST": HOST,
        "DELIVERY_PORT": plan.ports.delivery,
        "GATEWAY_STREAMS": spread.most_streams(int(plan.base.get("PULSE_GATEWAY_PROCESSES") or 1)),
        "GATEWAY_TRANSPORT": tls.transport(secrets, "gateway"),
        "DELIVERY_TRANSPORT": tls.transport(secrets, "delivery"),
        **tracing.placeholders(
            plan.base.get("PULSE_OTLP_ENDPOINT", ""), float(plan.base.get("PULSE_GATEWAY_TRACE_RATIO") or 0.01)
        ),
        "CORS": cors.policy(plan.base.get("PULSE_CORS_ORIGINS", "")),
        "CONSOLE_HOST": HOST,
        "CONSOLE_PORT": plan.ports.console,
        "DESCRIPTOR": str(descriptor),
        "EDGE_LUA": str(lua),
        "DOOR_LUA": str(door),
        "HEAP_BYTES": HEAP_MIB * 1024 * 1024,
    }


def render(template: str, placeholders: Mapping[str, Any]) -> str:
    """The template with each ``${NAME}`` as a YAML value, in JSON: text is quoted, so that any path will do."""
    return Template(template).substitute({name: json.dumps(value) for name, value in placeholders.items()})
