"""Protobuf to and from what the gateway's rules work on."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from pulse.common.v1 import asked_pb2, enums_pb2, notification_pb2, template_pb2
from pulse.gateway.v1 import notification_service_pb2 as api
from services.gateway.rules import digests
from shared.channel.numbers import channel_of
from shared.channel.table import Channel
from shared.errors import PulseError, invalid_field
from shared.rpc.set_fields import SetFields
from shared.text.rendering import RenderError
from shared.times import from_timestamp, to_timestamp

_NOT_SET = dt.datetime.min.replace(tzinfo=dt.UTC)

#: What a Struct of 64 KiB of JSON takes at most, bytes: a digit and its comma become twelve.
_LARGEST_STRUCT = 6 * 64 * 1024

_REQUEST = api.SendNotificationRequest.DESCRIPTOR
_TEMPLATE = template_pb2.Template.DESCRIPTOR
#: Fields that a request or a template and Asked have in common.
_OF_REQUEST = frozenset(_REQUEST.fields_by_name) & {*asked_pb2.Asked.DESCRIPTOR.fields_by_name}
_OF_TEMPLATE = SetFields(_TEMPLATE, {*_TEMPLATE.fields_by_name} & {*asked_pb2.Asked.DESCRIPTOR.fields_by_name})
#: The context is read by itself, once.
_SAID = SetFields(_REQUEST, {*_REQUEST.fields_by_name} - {"context"})
#: What does not make it another request.
_NOT_ASKED = frozenset({"idempotency_key", "validate_only"})


def render_refusal(error: RenderError, channel_field: str = "channel") -> PulseError:
    """Why a template cannot be sent with this context, or by the channel that stands in ``channel_field``."""
    field = channel_field if error.reason == "NO_CONTENT_FOR_CHANNEL" else "context"
    return invalid_field(field, error.reason, error.message)


def channel(number: int, field: str = "channel") -> Channel:
    """The channel of a number that stands in ``field``; INVALID_ARGUMENT for one that is newer than this release."""
    found = channel_of(number)
    if found is None:
        raise invalid_field(field, "UNKNOWN_CHANNEL", "is not a channel that this gateway knows")
    return found


def variables(struct: Struct) -> dict[str, Any]:
    """A context as Python's own values; INVALID_ARGUMENT for one that is surely too large, before it is looked at."""
    if struct.ByteSize() > _LARGEST_STRUCT:
        raise invalid_field("context", "CONTEXT_TOO_LARGE", "is longer than 64 KiB as JSON")
    return plain(struct)


def plain(struct: Struct) -> dict[str, Any]:
    """A Struct as Python's own values; a whole number is an int as long as it is exact."""
    # Most values are texts, and most texts hold something: that is told by one look.
    fields = struct.fields
    return {key: (value := fields[key]).string_value or _plain_value(value) for key in fields}


def _plain_value(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() and abs(number) <= 2**53 else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "struct_value":
        return plain(value.struct_value)
    if kind == "list_value":
        return [_plain_value(element) for element in value.list_value.values]
    return None


def moment(message: Message, field: str) -> dt.datetime | None:
    """A time of the message, None if unset; INVALID_ARGUMENT if it lies outside the years 1 to 9999."""
    if not message.HasField(field):
        return None
    stamp: Timestamp = getattr(message, field)
    try:
        return from_timestamp(stamp)
    except (ValueError, OverflowError):
        raise invalid_field(field, "TIME_OUT_OF_RANGE", "is not a time between the years 1 and 9999") from None


def length(message: Message, field: str) -> Duration | None:
    """A length of time of the message that keeps the contract's rules, None if unset.

    Seconds and nanoseconds are balanced, as peers may expect it: 5 s and -1 ns would pass the rules too.
    """
    if not message.HasField(field):
        return None
    balanced = Duration()
    balanced.FromNanoseconds(getattr(message, field).ToNanoseconds())
    return balanced


def left_to_callers(template: template_pb2.Template, variables: Iterable[str]) -> list[str]:
    """Those of a template's variables that a request's context must hold, by name: a digest is filled in by Pulse."""
    by_pulse = {digests.VARIABLE} if template.HasField("digest_window") else set()
    return sorted({*variables} - by_pulse)


def time_filter(message: Message, field: str) -> Timestamp | None:
    """A time to filter by, None if unset; INVALID_ARGUMENT if it lies outside the years 1 to 9999.

    The first moment of year 1 is how Go and .NET write a time that nobody set.
    """
    given = moment(message, field)
    return None if given == _NOT_SET else to_timestamp(given)


def said(request: api.SendNotificationRequest) -> dict[str, Any]:
    """The fields that are set, by their names and in their order, without the context."""
    return _SAID.of(request)


def carried(template: template_pb2.Template) -> dict[str, Any]:
    """What a template adds as it stands there: fields that Asked has under the same names, if they are set."""
    return _OF_TEMPLATE.of(template)


def carried_on(said: Mapping[str, Any]) -> dict[str, Any]:
    """What goes on as it was said: fields that Asked has under the same names."""
    return {name: value for name, value in said.items() if name in _OF_REQUEST}


def counted(said: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a request another one, without the context, as JSON values.

    Whatever is unset or says the default is left out, so that both forms count as one.
    """
    fields = {
        name: value if type(value) in (str, int) else _as_json(value)
        for name, value in said.items()
        if name not in _NOT_ASKED
    }
    if fields.get("delivery_guarantee") == enums_pb2.AT_LEAST_ONCE:
        del fields["delivery_guarantee"]
    return fields


def _as_json(value: Any) -> Any:
    """A field's value as JSON. The forms of those that there were first stay: fingerprints are kept for days."""
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, Timestamp | Duration):
        return [value.seconds, value.nanos]
    if isinstance(value, notification_pb2.Fallback):
        return [value.channel, value.to, _as_json(value.after) if value.HasField("after") else None]
    if isinstance(value, Message):
        return {field.name: _as_json(inner) for field, inner in value.ListFields()}
    if isinstance(value, Mapping):
        return {key: _as_json(value[key]) for key in sorted(value)}
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    return [_as_json(inner) for inner in value]
