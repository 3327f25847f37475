"""Messages as JSON Schemas, in the JSON form that Envoy reads and writes: snake_case names, enums as their names."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from openapi_source import Documented, Source, is_output, is_required, rules

Schema = dict[str, Any]

SCALARS: dict[int, Schema] = {
    FieldDescriptorProto.TYPE_STRING: {"type": "string"},
    FieldDescriptorProto.TYPE_BYTES: {"type": "string", "format": "byte"},  # in base64
    FieldDescriptorProto.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptorProto.TYPE_INT32: {"type": "integer", "format": "int32"},
    # Beyond what a JavaScript number holds, so JSON has it as text; a number is understood too.
    FieldDescriptorProto.TYPE_INT64: {"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"},
    FieldDescriptorProto.TYPE_DOUBLE: {"type": "number", "format": "double"},
}
#: Raw bytes.
RAW = ".google.api.HttpBody"
WELL_KNOWN: dict[str, Schema] = {
    ".google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    ".google.protobuf.Duration": {
        "type": "string",
        "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$",
        "examples": ["3600s"],
    },
    ".google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    ".google.protobuf.Value": {},
    RAW: {"type": "string", "format": "binary"},
    ".google.protobuf.Empty": {"type": "object"},
    ".google.rpc.Status": {"$ref": "#/components/schemas/Error"},
}
#: What a rule is called in JSON Schema.
STRING_RULES = {"min_len": "minLength", "max_len": "maxLength", "pattern": "pattern"}
NUMBER_RULES = {"gte": "minimum", "lte": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
REPEATED_RULES = {"min_items": "minItems", "max_items": "maxItems"}
MAP_RULES = {"min_pairs": "minProperties", "max_pairs": "maxProperties"}


class Schemas:
    """Makes schemas, and collects those that others refer to in ``components``."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.components: dict[str, Schema] = {}

    def reference(self, name: str) -> Schema:
        """A schema of the message or enum called ``name`` in full."""
        if name in WELL_KNOWN:
            return dict(WELL_KNOWN[name])
        short = name.split(".v1.", 1)[1].replace(".", "")
        if short not in self.components:
            self.components[short] = {}  # taken, so that a message may hold itself
            is_enum = name in self._source.enums
            self.components[short] = self._enum(name) if is_enum else self.message(name)
        return {"$ref": f"#/components/schemas/{short}"}

    def message(self, name: str, without: frozenset[str] = frozenset()) -> Schema:
        """A message as an object; ``without`` the fields that stand in the path."""
        message = self._source.messages[name]
        fields = [field for field in message.parts if field.proto.name not in without]
        schema: Schema = {"type": "object", "description": message.comment}
        if fields:
            schema["properties"] = {field.proto.name: self.field(field) for field in fields}
        required = [field.proto.name for field in fields if is_required(field.proto)]
        return schema | ({"required": required} if required else {})

    def field(self, field: Documented) -> Schema:
        """A field, with its rules and its comment."""
        proto = field.proto
        entry = self._map_entry(proto)
        if entry is not None:
            schema = {"type": "object", "additionalProperties": self.field(entry.parts[1])}
            schema |= _named(rules(proto).map, MAP_RULES)
        elif proto.label == FieldDescriptorProto.LABEL_REPEATED:
            schema = {"type": "array", "items": self._single(proto)} | _named(rules(proto).repeated, REPEATED_RULES)
        else:
            schema = self._single(proto) | _rules(proto)
        if is_output(proto):
            schema["readOnly"] = True
        return schema | ({"description": field.comment} if field.comment else {})

    def is_flat(self, proto: Any) -> bool:
        """Whether a query parameter can hold it; others are taken apart, field by field."""
        return proto.type != FieldDescriptorProto.TYPE_MESSAGE or proto.type_name in WELL_KNOWN

    def fields(self, name: str) -> list[Documented]:
        """A message's fields."""
        return self._source.messages[name].parts

    def _single(self, proto: Any) -> Schema:
        if proto.type in (FieldDescriptorProto.TYPE_MESSAGE, FieldDescriptorProto.TYPE_ENUM):
            return self.reference(proto.type_name)
        return dict(SCALARS[proto.type])

    def _enum(self, name: str) -> Schema:
        enum = self._source.enums[name]
        values = [(value.proto.name, value.comment) for value in enum.parts]
        lines = "\n".join(f"- `{value}`: {comment}" for value, comment in values)
        return {
            "type": "string",
            "description": f"{enum.comment} Read in any case.\n\n{lines}",
            "enum": [value for value, _ in values],
        }

    def _map_entry(self, proto: Any) -> Documented | None:
        message = self._source.messages.get(proto.type_name)
        return message if message and message.proto.options.map_entry else None


def _rules(proto: Any) -> Schema:
    """What ``buf.validate`` asks of a field that is not repeated, as far as JSON Schema has words for it."""
    given = rules(proto)
    kind = given.WhichOneof("type")
    if kind == "string":
        return _named(given.string, STRING_RULES) | ({"format": "uuid"} if given.string.uuid else {})
    if kind == "int32":
        return _named(given.int32, NUMBER_RULES)
    if kind == "enum" and 0 in given.enum.not_in:
        return {"not": {"pattern": "_UNSPECIFIED$"}}
    return {}


def _named(given: Any, names: dict[str, str]) -> Schema:
    return {ours: getattr(given, theirs) for theirs, ours in names.items() if given.HasField(theirs)}
