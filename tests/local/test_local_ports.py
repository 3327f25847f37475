"""Which ports a run gets."""

from __future__ import annotations

import socket
from dataclasses import asdict, replace

import pytest

from services.local import ports
from services.local.config import LocalSettings
from services.local.errors import LocalError


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_all_ports_differ_and_are_free(settings, tmp_path):
    chosen, notes = ports.choose(settings, tmp_path / "ports.json")
    values = list(asdict(chosen).values())
    assert len(set(values)) == len(values)
    assert all(ports.is_free(port) for port in values)
    assert notes == []


def test_a_run_gets_the_ports_of_the_last_one_again(settings, tmp_path):
    first, _ = ports.choose(settings, tmp_path / "ports.json")
    second, _ = ports.choose(settings, tmp_path / "ports.json")
    assert first == second


def test_a_port_asked_for_is_given(settings, tmp_path):
    free, _ = ports.choose(settings, tmp_path / "other.json")
    asked = LocalSettings.load({"PULSE_GRPC_PORT": str(free.grpc)})
    assert ports.choose(asked, tmp_path / "ports.json")[0].grpc == free.grpc


def test_a_port_asked_for_that_is_taken_is_an_error(tmp_path, taken):
    asked = LocalSettings.load({"PULSE_SANDBOX_PORT": str(taken)})
    with pytest.raises(LocalError, match=f"port {taken} is taken, and PULSE_SANDBOX_PORT asks for it"):
        ports.choose(asked, tmp_path / "ports.json")


def test_a_standard_port_that_is_taken_gives_way_to_a_free_one_and_that_is_said(settings, tmp_path, taken):
    standard = settings.model_copy(update={"http_port": taken})
    standard.model_fields_set.discard("http_port")
    chosen, notes = ports.choose(standard, tmp_path / "ports.json")
    assert chosen.http != taken
    assert notes == [f"port {taken} is taken, so http uses {chosen.http} (PULSE_HTTP_PORT sets it)"]


def test_a_remembered_port_that_is_taken_meanwhile_is_replaced(settings, tmp_path, taken):
    memory = tmp_path / "ports.json"
    first, _ = ports.choose(settings, memory)
    memory.write_text(memory.read_text().replace(str(first.postgres), str(taken)))
    second, _ = ports.choose(settings, memory)
    assert second.postgres != taken
    assert replace(second, postgres=first.postgres) == first


@pytest.mark.parametrize("content", ["", "{", "[]", '{"http": "x"}'])
def test_a_broken_memory_is_no_obstacle(settings, tmp_path, content):
    (tmp_path / "ports.json").write_text(content)
    ports.choose(settings, tmp_path / "ports.json")
