"""The list of who may call what fits the code: nobody is refused what he does, nobody may do what he does not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

from shared.rpc.callers import ALLOWED, may_call
from shared.rpc.identity import ROLES

ROOT = Path(__file__).parents[2]
#: The roles that each package of code runs as.
PACKAGES = {
    "services/gateway": ("gateway",),
    "services/router": ("router",),
    "services/delivery": ("delivery", "worker"),
    "services/console": ("console",),
    "services/cli": ("client",),
    "clients/python/pulse_client": ("client",),
}


#: What a channel that keeps calls calls of itself.
KEPT = ("pulse.rpc.v1.KeptStreamService", "Exchange")


def methods_of_contract() -> dict[str, set[str]]:
    """Names of methods by service."""
    read = descriptor_pb2.FileDescriptorSet.FromString((ROOT / "proto/gen/pulse/descriptor.binpb").read_bytes())
    return {
        f"{file.package}.{service.name}": {method.name for method in service.method}
        for file in read.file
        for service in file.service
    }


CONTRACT = methods_of_contract()


def calls(package: str) -> Iterator[tuple[str, str]]:
    """Every method of a service that the package has a stub of, and uses: as ``stub.Method`` or by its name."""
    trees = [ast.parse(file.read_text()) for file in (ROOT / package).rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    used |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    for service, methods in CONTRACT.items():
        stub = service.rpartition(".")[2] + "Stub"
        if any(stub in (getattr(node, "id", ""), getattr(node, "attr", "")) for node in nodes):
            yield from ((service, method) for method in sorted(methods & used))
    if any(isinstance(node, ast.keyword) and node.arg == "keeps_calls" for node in nodes):
        yield KEPT


@pytest.mark.parametrize(("package", "roles"), PACKAGES.items())
def test_every_call_in_the_code_is_allowed(package: str, roles: tuple[str, ...]) -> None:
    made = set(calls(package))
    assert made, "the package calls others, or it would not be here"
    for service, method in made:
        assert any(may_call(role, f"/{service}/{method}") for role in roles), f"{package}: {service}/{method}"


@pytest.mark.parametrize("role", ["gateway", "router", "delivery", "worker"])
def test_nothing_is_allowed_that_the_code_does_not_do(role: str) -> None:
    (package,) = (package for package, roles in PACKAGES.items() if role in roles)
    made = set(calls(package))
    listed = {(service, method) for service, methods in ALLOWED[role].items() for method in methods}
    assert {(service, method) for service, method in listed if method != "*"} <= made


def test_the_list_names_roles_services_and_methods_that_there_are() -> None:
    for role, services in ALLOWED.items():
        assert role in ROLES
        for service, methods in services.items():
            assert set(methods) <= CONTRACT[service] | {"*"}, (role, service)


def test_every_service_may_be_called_by_somebody() -> None:
    assert {service for services in ALLOWED.values() for service in services} >= {
        service for service in CONTRACT if service.startswith("pulse.")
    }


def test_what_moves_notifications_is_open_to_those_alone_who_move_them() -> None:
    movers = {role for role in ROLES if may_call(role, "/pulse.ledger.v1.LedgerService/Settle")}
    admins = {role for role in ROLES if may_call(role, "/pulse.ledger.v1.LedgerAdmin/CreateKey")}
    assert (movers, admins) == ({"worker"}, {"gateway"})


@pytest.mark.parametrize("method", ["", "/", "/pulse.ledger.v1.LedgerService", "//", "/grpc.health.v1.Health/Check"])
def test_what_is_no_method_of_the_list_is_nobodys(method: str) -> None:
    assert not any(may_call(role, method) for role in (*ROLES, ""))
