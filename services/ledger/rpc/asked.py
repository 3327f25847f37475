"""What was asked for, between its one message and the rows that keep it.

What the ledger searches, joins or weighs by has a column of its own. All else stays together as one document, a
marshalled Asked without the former: as bytes, because these keep what this release does not know yet, which JSON would
lose, and because making and reading them costs next to nothing.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from pulse.common.v1.asked_pb2 import Asked
from pulse.common.v1.saying_pb2 import Push
from shared.rpc.set_fields import SetFields

#: Fields with columns. Whatever is not named here is in the document.
IN_COLUMNS = (
    "user_id",
    "template_name",
    "template_version",
    "channel",
    "to",
    "subject",
    "context_json",
    "idempotency_key",
    "send_at",
    "expires_at",
    "locale",
    "metadata",
    "delivery_guarantee",
    "fallbacks",
    "category",
    "digest_window",
)
_OTHERS = SetFields(Asked.DESCRIPTOR, {*Asked.DESCRIPTOR.fields_by_name} - {*IN_COLUMNS})


def document(asked: Asked) -> bytes:
    """What has no column; empty if there is nothing, as is nearly always so and found out in a third of the time."""
    if not len(UnknownFieldSet(asked)) and not _OTHERS.of(asked):
        return b""
    rest: Message = Asked()
    rest.CopyFrom(asked)
    for name in IN_COLUMNS:
        rest.ClearField(name)
    return rest.SerializeToString()


def put_together(asked: Asked, stored: bytes | None, **columns: Any) -> Asked:
    """A document and columns as one again, in the empty ``asked``; an empty column leaves what the document says."""
    if stored is not None:
        asked.MergeFromString(stored)
    for name, value in columns.items():
        if value:
            setattr(asked, name, value)
    return asked


def for_latest(stored: bytes) -> bool:
    """Whether a document says that a push goes to the device alone that its user registered last."""
    return Asked.FromString(stored).push.devices == Push.LATEST
