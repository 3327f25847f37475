#!/opt/pulse/bin/python
"""Fills in ``deploy/envoy/envoy.yaml`` for a network in which every role has its own host name.

Usage: envoy-config FOLDER [NAME=VALUE ...]

Writes into FOLDER the configuration and the files it refers to; Envoy starts with ``-c FOLDER/envoy.yaml``.
NAME=VALUE replaces one of :data:`VALUES`. The template has no other values than these, so a new placeholder
that nobody filled in is an error here, not at Envoy's start.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from services.local.envoy import cors, edge_script, spread, tls, tracing

SOURCE = Path("/usr/share/pulse/envoy")

#: The administration page can end Envoy and shows its whole configuration, so it is for the same pod alone.
VALUES: Mapping[str, str | int | float] = {
    "LISTEN_HOST": "0.0.0.0",  # noqa: S104 -- a container's own address is not known before it starts
    "HTTP_PORT": 8000,
    "ADMIN_HOST": "127.0.0.1",
    "ADMIN_PORT": 9901,
    "METRICS_PORT": 8001,
    "GATEWAY_HOST": "gateway",
    "GATEWAY_PORT": 50051,
    # Processes of a gateway, PULSE_GATEWAY_PROCESSES.
    "GATEWAY_PROCESSES": 1,
    "DELIVERY_HOST": "delivery",
    "DELIVERY_PORT": 50054,
    "CONSOLE_HOST": "console",
    "CONSOLE_PORT": 8080,
    # Folder of the certificate by which Envoy calls gRPC services: tls.crt, tls.key, ca.crt; empty: in the clear.
    "TLS": "",
    # Collector of traces, OTLP over gRPC; empty: none. And the share of requests that are traced.
    "OTLP": "",
    "TRACE_RATIO": 0.01,
    # What Envoy may take for what is under way, MiB: half of its container's limit.
    "HEAP_MIB": 256,
    # Origins of web pages that may call the API, by commas; empty: none.
    "CORS_ORIGINS": "",
}


def write(source: Path, folder: Path, replaced: Mapping[str, str | int | float]) -> None:
    """Raises KeyError for a placeholder without a value, ValueError for what is no origin, and OSError when a file is
    missing or cannot be written.
    """
    descriptor, script, door = (folder / name for name in ("descriptor.binpb", "edge.lua", "door.lua"))
    files = {"DESCRIPTOR": str(descriptor), "EDGE_LUA": str(script), "DOOR_LUA": str(door)}
    values: dict[str, Any] = {**VALUES, **replaced, **files}
    certificates = values.pop("TLS")
    values["HEAP_BYTES"] = int(values.pop("HEAP_MIB")) * 1024 * 1024
    values["GATEWAY_STREAMS"] = spread.most_streams(int(values.pop("GATEWAY_PROCESSES")))
    values["CORS"] = cors.policy(values.pop("CORS_ORIGINS"))
    values |= tracing.placeholders(values.pop("OTLP"), values.pop("TRACE_RATIO"))
    for role in ("gateway", "delivery"):
        values[f"{role.upper()}_TRANSPORT"] = tls.transport(folder if certificates else None, role)
    if certificates:
        tls.write_secrets(folder, Path(certificates))
    text = Template((source / "envoy.yaml").read_text()).substitute({k: json.dumps(v) for k, v in values.items()})
    shutil.copyfile(source / descriptor.name, descriptor)
    script.write_text(edge_script.text(source, descriptor))
    door.write_text(edge_script.door(source))
    (folder / "envoy.yaml").write_text(text)


def parse(assignments: Sequence[str]) -> dict[str, str | int | float]:
    """``NAME=VALUE`` each, ports as numbers; raises ValueError for a name or a value that cannot be right."""
    parsed: dict[str, str | int | float] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or name not in VALUES:
            raise ValueError(f"{assignment!r}: expected NAME=VALUE, NAME one of {', '.join(VALUES)}")
        parsed[name] = type(VALUES[name])(value)
    return parsed


def main(arguments: Sequence[str]) -> int:
    """0 written, 1 could not be, 2 wrong usage."""
    if not arguments:
        sys.stderr.write("usage: envoy-config FOLDER [NAME=VALUE ...]\n")
        return 2
    try:
        replaced = parse(arguments[1:])
    except ValueError as error:
        sys.stderr.write(f"envoy-config: {error}\n")
        return 2
    try:
        write(SOURCE, Path(arguments[0]), replaced)
    except ValueError as error:
        sys.stderr.write(f"envoy-config: {error}\n")
        return 2
    except (KeyError, OSError) as error:
        sys.stderr.write(f"envoy-config: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
