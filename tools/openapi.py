"""Writes the OpenAPI document of the REST interface from the protos: their annotations, rules and comments.

Usage: openapi.py [FILE]     (default: services/console/static/openapi.json)
"""

from __future__ import annotations

import json
import pathlib
import re
import sys
import tomllib

from openapi_errors import ERROR_SCHEMAS, error_responses
from openapi_schemas import RAW, WELL_KNOWN, Schema, Schemas
from openapi_source import ROOT, Documented, http_rule, is_required, load

OUTPUT = ROOT / "services" / "console" / "static" / "openapi.json"
DESCRIPTION = (
    "Accepts notifications durably and once, and delivers them by email, SMS and push. An OK to a send means that it "
    "is stored. Names are snake_case; enum values are read in any case; int64 is text; times are RFC 3339 in UTC.\n\n"
    "Every error is a `google.rpc.Status` whose `ErrorInfo` has a stable `reason`. The same calls are served over gRPC."
)
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
    "api_key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "An API key."},
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "One key makes one notification within the retention time; as the body's idempotency_key.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]*$"},
}
SENDS = frozenset({"SendNotification", "Send"})
#: In the order in which a reader needs them; the original's paths come last.
ORDER = (
    *("Notification", "Template", "Fragment", "Recipient", "Sender", "Attachment", "Event", "Subscription"),
    *("Destination", "Operations", "Key", "Compatibility"),
)
#: Pages that people see, and what only the edge asks: no part of the API.
LEFT_OUT = frozenset({"Unsubscribe", "LinkedFile", "Door"})
#: The original's send answers 202, and 200 for a replayed key.
ACCEPTED = frozenset({"Send"})


def document() -> Schema:
    """The whole document."""
    source = load()
    schemas = Schemas(source)
    documented = (service for service in source.services if _tag(service) not in LEFT_OUT)
    services = sorted(documented, key=lambda service: ORDER.index(_tag(service)))
    comments = {method.proto.name: method.comment for service in services for method in service.parts}
    paths: dict[str, Schema] = {}
    for service in services:
        for method in service.parts:
            path, verb, operation = _operation(service, method, schemas)
            operation["responses"] = _responses(method, comments, schemas)
            paths.setdefault(path, {})[verb] = operation
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pulse",
            "version": version,
            "description": DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"bearer": []}, {"api_key": []}],
        "tags": [{"name": _tag(service), "description": service.comment} for service in services],
        "paths": paths,
        "components": {
            "schemas": dict(sorted({**schemas.components, **ERROR_SCHEMAS}.items())),
            "securitySchemes": SECURITY,
        },
    }


def _operation(service: Documented, method: Documented, schemas: Schemas) -> tuple[str, str, Schema]:
    """Path, verb and operation of one method."""
    rule = http_rule(method.proto)
    verb = rule.WhichOneof("pattern")
    bound = re.findall(r"{([^}]+)}", getattr(rule, verb))
    path = re.sub(r"{[^}]*?([^.}]+)}", r"{\1}", getattr(rule, verb))
    request = method.proto.input_type
    parameters = [_path_parameter(request, name, schemas) for name in bound]
    if rule.body != "*":
        parameters += _query_parameters(request, "", frozenset({*bound, rule.body}), schemas)
    if method.proto.name in SENDS:
        parameters.append(IDEMPOTENCY_KEY)
    operation: Schema = {
        "tags": [_tag(service)],
        "operationId": method.proto.name,
        "summary": re.split(r"[.;] ?", method.comment)[0],
        "description": method.comment,
    }
    if parameters:
        operation["parameters"] = parameters
    if rule.body:
        content = _content(_body(request, rule.body, bound, schemas))
        needed = any(is_required(field.proto) and field.proto.name not in bound for field in schemas.fields(request))
        operation["requestBody"] = {"required": needed, "content": content}
    return path, verb, operation


def _content(schema: Schema) -> Schema:
    """By content type: JSON, but for raw bytes."""
    kind = "application/octet-stream" if schema == WELL_KNOWN[RAW] else "application/json"
    return {kind: {"schema": schema}}


def _body(request: str, body: str, bound: list[str], schemas: Schemas) -> Schema:
    """The request body: the whole message or one of its fields, without what the path says."""
    if body != "*":
        (part,) = (field for field in schemas.fields(request) if field.proto.name == body)
        request, bound = part.proto.type_name, [name.removeprefix(f"{body}.") for name in bound]
    return schemas.message(request, frozenset(bound)) if bound else schemas.reference(request)


def _path_parameter(request: str, name: str, schemas: Schemas) -> Schema:
    message, *_, last = [request, *name.split(".")]
    for step in name.split(".")[:-1]:
        (outer,) = (field for field in schemas.fields(message) if field.proto.name == step)
        message = outer.proto.type_name
    (field,) = (field for field in schemas.fields(message) if field.proto.name == last)
    return _parameter(last, "path", field, schemas) | {"required": True}


def _query_parameters(request: str, prefix: str, bound: frozenset[str], schemas: Schemas) -> list[Schema]:
    """Every field that the path does not say; fields of a message as ``filter.channel``."""
    found: list[Schema] = []
    for field in schemas.fields(request):
        name = prefix + field.proto.name
        if name in bound:
            continue
        if schemas.is_flat(field.proto):
            required = {"required": True} if is_required(field.proto) else {}
            found.append(_parameter(name, "query", field, schemas) | required)
        else:
            found += _query_parameters(field.proto.type_name, f"{name}.", bound, schemas)
    return found


def _parameter(name: str, place: str, field: Documented, schemas: Schemas) -> Schema:
    schema = schemas.field(field)
    described = schema.pop("description", "")
    return {"name": name, "in": place, "description": described, "schema": schema}


def _responses(method: Documented, comments: dict[str, str], schemas: Schemas) -> Schema:
    """What the method may answer; ``comments`` by method, for those that name another's codes as theirs."""
    same = re.search(r"The codes are those of \w+\.(\w+)", method.comment)
    errors = error_responses(comments[same[1]] if same else method.comment)
    answer = _content(schemas.reference(method.proto.output_type))
    if method.proto.server_streaming:
        ok = {"description": "OK: one JSON object a line, as they happen.", "content": answer}
    else:
        ok = {"description": "OK", "content": answer}
    if method.proto.name not in ACCEPTED:
        return {"200": ok, **errors}
    return {
        "200": ok | {"description": "The idempotency key was used before, for the same request"},
        "202": ok | {"description": "Accepted: stored durably"},
        **errors,
    }


def _tag(service: Documented) -> str:
    return str(service.proto.name.removesuffix("Service"))


def main(arguments: list[str]) -> None:
    output = pathlib.Path(arguments[0]) if arguments else OUTPUT
    output.write_text(json.dumps(document(), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
