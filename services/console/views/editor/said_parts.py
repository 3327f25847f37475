"""What a content says beside its texts, as a form's fields: read from the contract, so that no new one is forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from pulse.common.v1 import template_pb2
from pulse_client.template import CONTENT_FLAGS, CONTENT_TEXTS
from pulse_client.wire import SAID
from shared.channel.table import Channel

#: What stands in an empty field, where its name does not say enough.
_EXAMPLES: Mapping[str, str] = {
    "sender": "the tenant's default",
    "email.reply_to": "the sender's",
    "email.preheader": "what is seen behind the subject before the mail is opened",
    "push.link": "https://… or the app's own scheme",
    "push.image": "https://…",
    "push.icon": "a drawable's name, or an address",
    "push.sound": "a file of the app, or default",
    "push.badge": "none; 0 takes it away",
    "push.collapse_key": "a later one takes the place of an earlier one",
    "push.channel_id": "Android's notification channel",
    "push.category": "the app's own kind of notification",
    "sms.max_segments": "as many as it takes",
    "whatsapp.content_sid": "HX… of Twilio; empty: the text",
}
_FLAGS: Mapping[str, str] = {"mjml": "it is MJML"}
_NUMBERS = (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64)


@dataclass(frozen=True)
class Field:
    """One field of a part."""

    name: str
    title: str
    #: text, number, choice (yes, no or not said), flag (yes or no), map, lines (a text each), word (one of ``words``);
    #: other: not shown.
    kind: str
    example: str = ""
    words: Sequence[str] = ()


@dataclass(frozen=True)
class Part:
    """What one channel carries; ``name`` is the contract's and, in capitals, the channel's."""

    name: str
    title: str
    fields: Sequence[Field]


def _part(name: str) -> Part:
    message: Any = template_pb2.TemplateContent.DESCRIPTOR.fields_by_name[name].message_type
    channel = Channel.named(name)
    title = channel.facts.title if channel else _title(name)
    return Part(name, title, [_field(name, field) for field in message.fields])


def _field(part: str, field: Any) -> Field:
    words = [value.name for value in field.enum_type.values if value.number] if field.enum_type else []
    return Field(field.name, _title(field.name), _kind(field), _EXAMPLES.get(f"{part}.{field.name}", ""), words)


def _kind(field: Any) -> str:
    is_text = field.type == FieldDescriptor.TYPE_STRING
    if field.message_type is not None:
        return "map" if field.message_type.GetOptions().map_entry else "other"
    if field.is_repeated:
        return "lines" if is_text else "other"
    if field.enum_type is not None:
        return "word"
    if field.type == FieldDescriptor.TYPE_BOOL:
        return "choice"
    if field.type in _NUMBERS:
        return "number"
    return "text" if is_text else "other"


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


PARTS: Sequence[Part] = [_part(name) for name in SAID]

#: Texts of a content that have no place of their own in the form; each is a field of one line.
OTHERS: Sequence[Field] = [
    Field(name, _title(name), "text", _EXAMPLES.get(name, ""))
    for name in CONTENT_TEXTS
    if name not in ("subject", "body", "html_body", "locale")
]
#: What is yes or no of a content; all of it is about its HTML by now.
FLAGS: Sequence[Field] = [Field(name, _FLAGS.get(name, _title(name)), "flag") for name in CONTENT_FLAGS]
