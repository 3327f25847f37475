"""Connections as a ghz configuration wants them, and how calls over them end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import grpc

from proof.load.ghz.config import Config
from proof.load.ghz.report import OK
from proof.load.ghz.values import BadConfig


def open_channel(config: Config) -> grpc.Channel:
    """A connection of its own; raises :class:`BadConfig` for a certificate that cannot be read."""
    options: list[tuple[str, Any]] = [
        ("grpc.use_local_subchannel_pool", 1),  # else all channels to one address share a connection
        ("grpc.enable_retries", 0),  # what fails is to be seen
    ]
    if config.lb_strategy:
        options.append(("grpc.service_config", json.dumps({"loadBalancingConfig": [{config.lb_strategy: {}}]})))
    if config.authority:
        options.append(("grpc.default_authority", config.authority))
    if config.cname:
        options.append(("grpc.ssl_target_name_override", config.cname))
    if config.keepalive:
        options.append(("grpc.keepalive_time_ms", int(config.keepalive * 1000)))
    if config.insecure:
        return grpc.insecure_channel(config.host, options)
    secret = grpc.ssl_channel_credentials(_read(config.cacert), _read(config.key), _read(config.cert))
    return grpc.secure_channel(config.host, secret, options)


def _read(file: str) -> bytes | None:
    if not file:
        return None
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise BadConfig(f"{file} cannot be read: {error.strerror}") from None


def ending(failure: grpc.RpcError | None) -> tuple[str, str]:
    """Status and error as Go spells them."""
    if failure is None:
        return OK, ""
    code = failure.code()
    name = "Canceled" if code is grpc.StatusCode.CANCELLED else code.name.title().replace("_", "")
    return name, f"rpc error: code = {name} desc = {failure.details()}"
