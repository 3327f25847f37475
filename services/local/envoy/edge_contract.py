"""The contract as Envoy's script reads it: REST paths, and the fields of the messages that they take.

Made from the same descriptor that the transcoder is given, so the two cannot differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorSet

#: Messages whose JSON may have any names.
FREE = frozenset(f"google.protobuf.{name}" for name in ("Any", "ListValue", "Struct", "Value"))
#: A body that is passed on as bytes, whatever it holds.
RAW = "google.api.HttpBody"

_METHODS = ("get", "put", "post", "delete", "patch")


def lua(descriptor: bytes) -> str:
    """A Lua chunk that returns ``messages`` and ``bindings``; ``descriptor`` is a serialized FileDescriptorSet.

    Raises ValueError for an HTTP path of a form that the script cannot match.
    """
    files = FileDescriptorSet.FromString(descriptor)
    messages = {name: message for file in files.file for name, message in _nested(file.package, file.message_type)}
    bindings = [binding for binding in _bindings(files) if not _is_raw(binding, messages)]
    lines = ["return {messages = {"]
    lines += [f"[{json.dumps(name)}] = {{{_fields(messages[name], messages)}}}," for name in _used(bindings, messages)]
    lines += ["}, bindings = {", *(_binding(*binding) for binding in bindings), "}}"]
    return "\n".join(lines) + "\n"


#: An HTTP method, a path, the body's field ("*": the whole message, "": none) and the request's message.
_Binding = tuple[str, str, str, str]


def _bindings(files: FileDescriptorSet) -> Iterator[_Binding]:
    for method in (method for file in files.file for service in file.service for method in service.method):
        rule: http_pb2.HttpRule = method.options.Extensions[annotations_pb2.http]
        for one in (rule, *rule.additional_bindings):
            kind = one.WhichOneof("pattern")
            if kind is None:
                continue
            path = getattr(one, kind) if kind in _METHODS else ""
            if not re.fullmatch(r"(/([\w.-]+|\{[\w.]+\}))+(:\w+)?", path):
                raise ValueError(f"{method.name}: the edge cannot match the path {path or kind!r}")
            yield kind.upper(), path, one.body, method.input_type.lstrip(".")


def _is_raw(binding: _Binding, messages: dict[str, DescriptorProto]) -> bool:
    _, _, body, name = binding
    return any(field.name == body and field.type_name == f".{RAW}" for field in messages[name].field)


def _nested(prefix: str, messages: object) -> Iterator[tuple[str, DescriptorProto]]:
    for message in messages:  # type: ignore[attr-defined]
        name = f"{prefix}.{message.name}"
        yield name, message
        yield from _nested(name, message.nested_type)


def _used(bindings: list[_Binding], messages: dict[str, DescriptorProto]) -> list[str]:
    """The messages that requests are made of, by name."""
    waiting, found = [binding[3] for binding in bindings], set[str]()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            of = (_message(field, messages)[0] for field in messages[name].field)
            waiting += [inner for inner in of if inner]
    return sorted(found)


def _message(field: FieldDescriptorProto, messages: dict[str, DescriptorProto]) -> tuple[str | None, bool]:
    """The message that a field's values are ("" for any JSON, None for plain values), and whether they are in a map."""
    name = field.type_name.lstrip(".")
    if field.type != FieldDescriptorProto.TYPE_MESSAGE:
        return None, False
    if name in FREE:
        return "", False
    if messages[name].options.map_entry:
        return _message(messages[name].field[1], messages)[0], True
    return name, False


def _fields(message: DescriptorProto, messages: dict[str, DescriptorProto]) -> str:
    return ", ".join(_field(field, messages) for field in message.field)


def _field(field: FieldDescriptorProto, messages: dict[str, DescriptorProto]) -> str:
    parts = [json.dumps(field.name), json.dumps(field.json_name)]
    name, in_map = _message(field, messages)
    if name is not None:
        parts.append(f"message = {json.dumps(name)}")
    if in_map:
        parts.append("map = true")
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        parts.append("repeated = true")
    return f"{{{', '.join(parts)}}}"


def _binding(method: str, path: str, body: str, message: str) -> str:
    told = f"method = {json.dumps(method)}, path = {json.dumps(path)}, message = {json.dumps(message)}"
    return f"{{{told}, body = {json.dumps(body)}}}," if body else f"{{{told}}},"
