"""Errors of the REST interface: their schemas, and which ones a method's comment names."""

from __future__ import annotations

import re
from typing import Any

#: gRPC code -> HTTP status, as Envoy's transcoder has it.
HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
#: Any method may answer so, besides what its comment names.
ANY_METHOD = {
    401: "UNAUTHENTICATED: no API key, or one that is not known",
    403: "PERMISSION_DENIED: the API key lacks the scope",
    503: "UNAVAILABLE: try again, a send with the same idempotency key",
}
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}}

Schema = dict[str, Any]


def _detail(kind: str, description: str, properties: Schema) -> Schema:
    """A detail of an error; ``@type`` tells which one."""
    type_url = {"type": "string", "const": f"type.googleapis.com/google.rpc.{kind}"}
    return {
        "type": "object",
        "description": description,
        "required": ["@type"],
        "properties": {"@type": type_url, **properties},
    }


def _list(properties: dict[str, str]) -> Schema:
    fields = {name: {"type": "string", "description": text} for name, text in properties.items()}
    return {"type": "array", "items": {"type": "object", "properties": fields}}


DETAILS = {
    "ErrorInfo": _detail(
        "ErrorInfo",
        "Why, for programs.",
        {
            "reason": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]+$", "description": "Stable: what to branch on."},
            "domain": {"type": "string", "const": "pulse"},
            "metadata": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "More about it; `hint` says what to do.",
            },
        },
    ),
    "BadRequest": _detail(
        "BadRequest",
        "Which fields break their rules.",
        {"field_violations": _list({"field": "Its path, `requests[2].to` say.", "description": "The rule."})},
    ),
    "QuotaFailure": _detail(
        "QuotaFailure",
        "Which limit was reached.",
        {"violations": _list({"subject": "The limit's name.", "description": "The limit."})},
    ),
    "RetryInfo": _detail(
        "RetryInfo",
        "When to try again.",
        {"retry_delay": {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?s$", "examples": ["12s"]}},
    ),
}
ERROR_SCHEMAS: dict[str, Schema] = {
    "Error": {
        "type": "object",
        "description": "What went wrong: a `google.rpc.Status`.",
        "required": ["code", "message"],
        "properties": {
            "code": {"type": "integer", "description": "gRPC's number of the code."},
            "message": {"type": "string", "description": "One sentence for people."},
            "details": {
                "type": "array",
                "items": {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in DETAILS]},
            },
        },
    },
    **DETAILS,
}


def error_responses(comment: str) -> dict[str, Schema]:
    """The responses for the codes that a comment names as ``CODE: when.``, those of any method, and the rest."""
    told: dict[int, list[str]] = {}
    for code, when in re.findall(r"\b([A-Z]+(?:_[A-Z]+)*): (.*?)(?=\. [A-Z]+(?:_[A-Z]+)*:|\.?$)", comment):
        if code in HTTP_STATUS:
            told.setdefault(HTTP_STATUS[code], []).append(f"{code}: {when}")
            if "idempotency key" in when:  # the one ALREADY_EXISTS that is no conflict of names
                told[422] = told.pop(HTTP_STATUS[code])
    descriptions = {status: "\n\n".join(lines) for status, lines in told.items()}
    responses = {str(status): _error(text, status) for status, text in sorted({**ANY_METHOD, **descriptions}.items())}
    return responses | {"default": _error("Another error", 0)}


def _error(description: str, status: int) -> Schema:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    headers = {"headers": RETRY_AFTER} if status == 429 else {}
    return {"description": description, **headers, "content": content}
