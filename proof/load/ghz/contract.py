"""The method that a configuration calls, as its descriptors tell it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from proof.load.ghz.config import Config
from proof.load.ghz.values import BadConfig
from services.local.home import checkout

#: Pulse's own contract: what is called when a configuration names no other.
OWN = checkout() / "proto" / "gen" / "pulse" / "descriptor.binpb"


class Method(NamedTuple):
    """A unary method; ``name`` has dots alone, ``path`` is as HTTP/2 carries it."""

    name: str
    path: str
    request: type[Message]
    response: type[Message]
    pool: descriptor_pool.DescriptorPool

    def parse(self, text: str) -> Message:
        """A request from JSON; raises :class:`BadConfig` if the method does not know it so."""
        try:
            return json_format.Parse(text, self.request(), descriptor_pool=self.pool)
        except json_format.ParseError as error:
            raise BadConfig(f"data: {error}") from None


def method(config: Config) -> Method:
    """The one that ``config.call`` names; raises :class:`BadConfig`."""
    service, _, name = config.call.replace("/", ".").rpartition(".")
    pool = _pool(_files(config))
    try:
        found: MethodDescriptor = pool.FindServiceByName(service).methods_by_name[name]
    except KeyError:
        raise BadConfig(f"call: there is no {config.call}") from None
    if found.client_streaming or found.server_streaming:
        raise BadConfig(f"call: {config.call} streams; only unary methods can be called here")
    return Method(
        f"{service}.{name}",
        f"/{service}/{name}",
        message_factory.GetMessageClass(found.input_type),
        message_factory.GetMessageClass(found.output_type),
        pool,
    )


def _pool(files: Iterable[descriptor_pb2.FileDescriptorProto]) -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    waiting = {file.name: file for file in files}

    def add(file: descriptor_pb2.FileDescriptorProto) -> None:
        for name in file.dependency:
            if needed := waiting.pop(name, None):
                add(needed)
        pool.Add(file)

    while waiting:
        add(waiting.pop(next(iter(waiting))))
    return pool


def _files(config: Config) -> Iterable[descriptor_pb2.FileDescriptorProto]:
    try:
        raw = _compiled(config) if config.proto else Path(config.protoset or OWN).read_bytes()
    except OSError as error:
        raise BadConfig(f"protoset: {error}") from None
    return descriptor_pb2.FileDescriptorSet.FromString(raw).file


def _compiled(config: Config) -> bytes:
    from grpc_tools import protoc  # slow to import, and few configurations need it

    folders: list[Any] = [*config.import_paths, Path(config.proto).parent]
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "set.binpb"
        paths = [f"--proto_path={path}" for path in folders]
        if protoc.main(["protoc", *paths, "--include_imports", f"--descriptor_set_out={output}", config.proto]):
            raise BadConfig(f"proto: {config.proto} does not compile")
        return output.read_bytes()
