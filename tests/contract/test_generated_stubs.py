"""The stubs checked in are those the protos make today, and the protos keep to their rules."""

from __future__ import annotations

import filecmp
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ROOT / "proto" / "gen"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stubs, generated anew."""
    out = tmp_path_factory.mktemp("gen")
    subprocess.run([sys.executable, str(ROOT / "tools" / "proto.py"), str(out)], check=True)
    return out


@pytest.fixture(scope="module")
def files() -> list[descriptor_pb2.FileDescriptorProto]:
    """Pulse's own proto files, as Envoy gets them."""
    descriptors = descriptor_pb2.FileDescriptorSet.FromString((GENERATED / "pulse" / "descriptor.binpb").read_bytes())
    return [file for file in descriptors.file if file.package.startswith("pulse.")]


def test_the_stubs_checked_in_are_those_the_protos_make(fresh: Path) -> None:
    names = {str(p.relative_to(fresh)) for p in fresh.rglob("*") if p.is_file()}
    checked_in = {
        str(p.relative_to(GENERATED)) for p in GENERATED.rglob("*") if p.is_file() and "__pycache__" not in p.parts
    }
    assert names == checked_in
    different = [name for name in sorted(names) if not filecmp.cmp(fresh / name, GENERATED / name, shallow=False)]
    assert not different, f"run `make proto`: {different}"


def test_path_package_and_import_are_one(files: list[descriptor_pb2.FileDescriptorProto]) -> None:
    assert files
    assert all(file.package == file.name.rpartition("/")[0].replace("/", ".") for file in files)


def test_the_descriptor_for_envoy_holds_the_types_of_error_details() -> None:
    descriptors = descriptor_pb2.FileDescriptorSet.FromString((GENERATED / "pulse" / "descriptor.binpb").read_bytes())
    names = {file.name for file in descriptors.file}
    assert {"google/rpc/status.proto", "google/rpc/error_details.proto"} <= names


PUBLIC = {
    "POST /v1/notifications",
    "POST /v1/notifications:batchSend",
    "GET /v1/notifications/{notification_id}",
    "GET /v1/notifications",
    "GET /v1/notifications/{notification_id}:watch",
    "POST /v1/notifications/{notification_id}:acknowledge",
    "POST /v1/notifications/{notification_id}:cancel",
    "POST /v1/notifications:cancel",
    "POST /v1/templates",
    "GET /v1/templates",
    "GET /v1/templates/{name}",
    "PUT /v1/templates/{template.name}",
    "DELETE /v1/templates/{name}",
    "POST /v1/templates/{name}:preview",
    "POST /api/notifications/send",
    "GET /api/notifications/status/{notification_id}",
    "GET /api/notifications/list",
    "GET /api/notifications/templates",
    "GET /api/notifications/templates/{name}",
}


def test_the_public_paths_are_those_promised() -> None:
    from google.api import annotations_pb2

    from pulse.gateway.v1 import compatibility_service_pb2, notification_service_pb2, template_service_pb2

    paths = set()
    for module in (notification_service_pb2, template_service_pb2, compatibility_service_pb2):
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                rule = method.GetOptions().Extensions[annotations_pb2.http]
                verb = rule.WhichOneof("pattern")
                paths.add(f"{verb.upper()} {getattr(rule, verb)}")
    assert paths == PUBLIC
