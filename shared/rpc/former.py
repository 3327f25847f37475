"""Peers of the release before, which do not know ``asked``: they have its fields in the message itself.

There these fields are marked deprecated, and this module goes with them, in the next release.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, Protocol, TypeVar

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from pulse.common.v1.asked_pb2 import Asked
from shared.rpc.set_fields import SetFields


class Asking(Protocol):
    """A message that holds what was asked."""

    @property
    def asked(self) -> Asked: ...


Kind = TypeVar("Kind", bound=Asking)


class Former(Generic[Kind]):
    """One kind of message, in the form of both releases."""

    def __init__(self, kind: type[Kind]) -> None:
        descriptor: Descriptor = kind.DESCRIPTOR  # type: ignore[attr-defined] # every kind is a message
        deprecated = {field.name for field in descriptor.fields if field.GetOptions().deprecated}
        self._names = deprecated.intersection(Asked.DESCRIPTOR.fields_by_name)
        self._here = SetFields(descriptor, self._names)
        self._in_asked = SetFields(Asked.DESCRIPTOR, self._names)

    def fields(self, asked: Asked) -> dict[str, Any]:
        """What a receiver of the release before looks for; unset fields are left out."""
        return self._in_asked.of(asked)

    def of(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """The same, of an Asked that is just being made of ``fields``."""
        if fields.keys() <= self._names:
            return fields
        return {name: value for name, value in fields.items() if name in self._names}

    def asked(self, message: Kind) -> Asked:
        """What was asked, in whichever form the sender knows."""
        assert isinstance(message, Message)  # noqa: S101 -- every kind is one
        return message.asked if message.HasField("asked") else Asked(**self._here.of(message))
