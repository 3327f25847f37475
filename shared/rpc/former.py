"""Peers of the release before, which do not know ``asked``: they have its fields in the message itself.

There these fields are marked deprecated, and this module goes with them, in the next release.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Generic, Literal, Protocol, TypeVar

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from pulse.common.v1.asked_pb2 import Asked
from shared.rpc.set_fields import SetFields


class Asking(Protocol):
    """A message that holds what was asked."""

    @property
    def asked(self) -> Asked: ...


class Result(Protocol):
    """What became of one such message."""

    def HasField(self, field_name: Literal["error"]) -> bool: ...


class Answer(Protocol):
    """A receiver's answer to some of them."""

    @property
    def results(self) -> Iterable[Result]: ...

    @property
    def reads_asked(self) -> bool: ...


Kind = TypeVar("Kind", bound=Asking)
Answered = TypeVar("Answered", bound=Answer)


class Former(Generic[Kind]):
    """One kind of message, in the form of both releases."""

    def __init__(self, kind: type[Kind]) -> None:
        descriptor: Descriptor = kind.DESCRIPTOR  # type: ignore[attr-defined] # every kind is a message
        deprecated = {field.name for field in descriptor.fields if field.GetOptions().deprecated}
        names = deprecated.intersection(Asked.DESCRIPTOR.fields_by_name)
        self._here = SetFields(descriptor, names)
        self._in_asked = SetFields(Asked.DESCRIPTOR, names)

    def fields(self, asked: Asked) -> dict[str, Any]:
        """What a receiver of the release before looks for; unset fields are left out."""
        return self._in_asked.of(asked)

    def fill(self, message: Kind) -> None:
        """Says what was asked in the former form, too."""
        assert isinstance(message, Message)  # noqa: S101 -- every kind is one
        message.MergeFrom(type(message)(**self.fields(message.asked)))

    def asked(self, message: Kind) -> Asked:
        """What was asked, in whichever form the sender knows."""
        assert isinstance(message, Message)  # noqa: S101 -- every kind is one
        return message.asked if message.HasField("asked") else Asked(**self._here.of(message))


class FormerPeers(Generic[Kind]):
    """Fills the former fields only where a receiver may look for them: they make a message twice as large.

    The last answer tells. While both releases answer, one of the release before may get messages without these fields:
    it refuses them for want of what it needs, and gets them again. To repeat one is harmless, as each bears its id.
    """

    def __init__(self, kind: type[Kind]) -> None:
        self._former = Former(kind)
        self._needed = True

    async def call(self, messages: Iterable[Kind], send: Callable[[], Awaitable[Answered]]) -> Answered:
        """The answer to ``messages``, which ``send`` sends."""
        filled = self._needed
        if filled:
            self._fill(messages)
        answer = await send()
        self._needed = not answer.reads_asked
        if self._needed and not filled and any(result.HasField("error") for result in answer.results):
            self._fill(messages)
            answer = await send()
        return answer

    def _fill(self, messages: Iterable[Kind]) -> None:
        for message in messages:
            self._former.fill(message)
