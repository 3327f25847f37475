"""A server tells tools of either version of reflection what it serves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest
from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha import reflection_pb2 as pb

from pulse.router.v1 import router_service_pb2
from shared.rpc.serving import Server

SERVICE = router_service_pb2.DESCRIPTOR.services_by_name["RouterService"].full_name
VERSIONS = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]


@pytest.fixture
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    server = Server("127.0.0.1:0", [SERVICE], reflect=True, drain_seconds=1)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield channel
    await server.stop()


async def ask(channel: grpc.aio.Channel, version: str, **question: Any) -> pb.ServerReflectionResponse:
    method = channel.stream_stream(
        f"/{version}/ServerReflectionInfo",
        pb.ServerReflectionRequest.SerializeToString,
        pb.ServerReflectionResponse.FromString,
    )
    call = method(iter([pb.ServerReflectionRequest(**question)]))
    return await call.read()


@pytest.mark.parametrize("version", VERSIONS)
async def test_services_are_listed_and_described(channel: grpc.aio.Channel, version: str) -> None:
    listed = (await ask(channel, version, list_services="")).list_services_response.service
    assert {service.name for service in listed} == {SERVICE, "grpc.health.v1.Health", *VERSIONS}
    for service in (service.name for service in listed):
        answer = await ask(channel, version, file_containing_symbol=service)
        told = answer.file_descriptor_response.file_descriptor_proto
        files = map(descriptor_pb2.FileDescriptorProto.FromString, told)
        assert service in {f"{file.package}.{one.name}" for file in files for one in file.service}


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_is_not_there_is_not_found(channel: grpc.aio.Channel, version: str) -> None:
    answer = await ask(channel, version, file_containing_symbol="pulse.Nothing")
    assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
