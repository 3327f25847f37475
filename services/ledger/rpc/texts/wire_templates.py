"""Protobuf to what the ledger works with, and back: templates."""

from __future__ import annotations

from google.protobuf.message import Message

from pulse.common.v1 import template_pb2
from services.ledger.rpc.texts import former_templates
from services.ledger.rpc.wire_enums import channel_needed
from services.ledger.rules.templates import Template
from shared.channel import template_rules
from shared.times import to_timestamp

#: What is the store's to give.
_MADE_BY_STORE = ("version", "create_time", "update_time")


def template(found: Template) -> template_pb2.Template:
    """As callers see it."""
    if found.document is None:
        message = former_templates.message(found.former or {})
    else:
        message = template_pb2.Template.FromString(found.document)
    made = template_pb2.Template(
        name=found.name,
        version=found.version,
        create_time=to_timestamp(found.created_at),
        update_time=to_timestamp(found.updated_at),
    )
    message.MergeFrom(made)
    return message


def template_of(message: template_pb2.Template) -> Template:
    """A template to store; ``version`` is the one that is to be the newest before, if any is named.

    INVALID_ARGUMENT for an unknown channel, and for one that could not be shown again.
    """
    template_rules.check_size(message)
    channel = channel_needed(message.channel, "template.channel")
    kept: Message = template_pb2.Template()
    kept.CopyFrom(message)
    for name in _MADE_BY_STORE:
        kept.ClearField(name)
    pins = {pin.name: pin.version for pin in message.fragments}
    return Template(
        message.name,
        message.version,
        channel,
        kept.SerializeToString(),
        former_templates.columns(message),
        fragments=pins,
    )
