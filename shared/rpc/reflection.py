"""gRPC reflection in both of its versions: v1, which new tools ask for, and v1alpha, which old ones do.

grpcio-reflection has v1alpha alone. Version 1 is the same but for the package's name, so both are answered by it.
"""

from __future__ import annotations

from collections.abc import Sequence

import grpc.aio
from google.protobuf import descriptor_pb2, descriptor_pool, text_format
from grpc_reflection.v1alpha import reflection, reflection_pb2

V1 = "grpc.reflection.v1.ServerReflection"


def enable(service_names: Sequence[str], server: grpc.aio.Server) -> None:
    """Lets ``server`` tell about ``service_names``, and about reflection itself."""
    _describe_v1()
    servicer = reflection.aio.ReflectionServicer([*service_names, reflection.SERVICE_NAME, V1])
    method = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in (reflection.SERVICE_NAME, V1):
        handler = grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": method})
        server.add_generic_rpc_handlers((handler,))


def _describe_v1() -> None:
    """Makes v1 known by its own name, for tools that describe it; doing it twice changes nothing."""
    alpha = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(alpha)
    renamed = text_format.MessageToString(alpha).replace("v1alpha", "v1")
    descriptor_pool.Default().Add(text_format.Parse(renamed, descriptor_pb2.FileDescriptorProto()))
