"""The public API's protos with their comments and annotations, by name."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from google.api import annotations_pb2, field_behavior_pb2
from google.protobuf import descriptor_pb2

from buf.validate import validate_pb2

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Numbers of fields in descriptor.proto, of which a location's path is made.
FILE_MESSAGE, FILE_ENUM, FILE_SERVICE = 4, 5, 6
MESSAGE_FIELD, MESSAGE_MESSAGE, MESSAGE_ENUM = 2, 3, 4
ENUM_VALUE, SERVICE_METHOD = 2, 2


@dataclass(frozen=True)
class Documented:
    """A message, enum, service, method, field or value (``proto``) and what its comment says."""

    proto: Any
    comment: str
    parts: list[Documented] = field(default_factory=list)


class Source:
    """Messages and enums by full name (``.pulse.common.v1.Channel``), services in the order of their files."""

    def __init__(self, descriptors: descriptor_pb2.FileDescriptorSet) -> None:
        self.messages: dict[str, Documented] = {}
        self.enums: dict[str, Documented] = {}
        self.services: list[Documented] = []
        for file in descriptors.file:
            if file.package.startswith("pulse."):
                self._read_file(file)

    def _read_file(self, file: descriptor_pb2.FileDescriptorProto) -> None:
        comments = {tuple(place.path): _plain(place.leading_comments) for place in file.source_code_info.location}
        scope = f".{file.package}"
        for index, message in enumerate(file.message_type):
            self._read_message(message, (FILE_MESSAGE, index), scope, comments)
        for index, enum in enumerate(file.enum_type):
            self._read_enum(enum, (FILE_ENUM, index), scope, comments)
        if file.package == "pulse.gateway.v1":
            for index, service in enumerate(file.service):
                path = (FILE_SERVICE, index)
                methods = list(_parts(service.method, (*path, SERVICE_METHOD), comments))
                self.services.append(Documented(service, comments.get(path, ""), methods))

    def _read_message(self, message: Any, path: tuple[int, ...], scope: str, comments: dict[Any, str]) -> None:
        name = f"{scope}.{message.name}"
        fields = list(_parts(message.field, (*path, MESSAGE_FIELD), comments))
        self.messages[name] = Documented(message, comments.get(path, ""), fields)
        for index, nested in enumerate(message.nested_type):
            self._read_message(nested, (*path, MESSAGE_MESSAGE, index), name, comments)
        for index, enum in enumerate(message.enum_type):
            self._read_enum(enum, (*path, MESSAGE_ENUM, index), name, comments)

    def _read_enum(self, enum: Any, path: tuple[int, ...], scope: str, comments: dict[Any, str]) -> None:
        values = list(_parts(enum.value, (*path, ENUM_VALUE), comments))
        self.enums[f"{scope}.{enum.name}"] = Documented(enum, comments.get(path, ""), values)


def load() -> Source:
    """Compiles the protos of the checkout."""
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder) / "image.binpb"
        subprocess.run([sys.executable, str(ROOT / "tools" / "proto.py"), "--image", str(image)], check=True)  # noqa: S603
        return Source(descriptor_pb2.FileDescriptorSet.FromString(image.read_bytes()))


def http_rule(method: Any) -> Any:
    """The method's ``google.api.http``."""
    return method.options.Extensions[annotations_pb2.http]


def rules(field: Any) -> Any:
    """The field's ``buf.validate`` rules."""
    return field.options.Extensions[validate_pb2.field]


def is_required(field: Any) -> bool:
    """Whether a request must hold it."""
    return field_behavior_pb2.REQUIRED in field.options.Extensions[field_behavior_pb2.field_behavior]


def is_output(field: Any) -> bool:
    """Whether only answers hold it."""
    return field_behavior_pb2.OUTPUT_ONLY in field.options.Extensions[field_behavior_pb2.field_behavior]


def _parts(protos: Any, path: tuple[int, ...], comments: dict[Any, str]) -> Iterator[Documented]:
    for index, proto in enumerate(protos):
        yield Documented(proto, comments.get((*path, index), ""))


def _plain(comment: str) -> str:
    """One paragraph."""
    return " ".join(comment.split())
