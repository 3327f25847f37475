"""A template as a gateway that is a release ahead would have it."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from pulse.common.v1 import enums_pb2, template_pb2

#: A number that no enumeration has.
NEWER: Any = 99


def make(name: str = "letter", body: str = "On paper") -> template_pb2.Template:
    """With a field that is not known, a priority, and two texts: a mail with such a field, and one of a new channel."""
    mail = template_pb2.TemplateContent(channel=enums_pb2.EMAIL, body=body)
    paper = template_pb2.TemplateContent(channel=NEWER, body=body)
    _add_unknown(mail, "of the mail")
    _add_unknown(paper, "of the paper")
    made = template_pb2.Template(name=name, channel=enums_pb2.EMAIL, priority=NEWER, version=1, contents=[mail, paper])
    _add_unknown(made, "of the template")
    return made


def _add_unknown(message: Message, text: str) -> None:
    """A text in field 200: its tag is a varint of the number and the wire type, 200 << 3 | 2."""
    message.MergeFromString(b"\xc2\x0c" + bytes([len(text)]) + text.encode())
