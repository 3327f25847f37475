"""An email's copies, held against what their recipients must not get."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from pulse.common.v1 import notification_pb2
from pulse.ledger.v1 import ledger_reader_pb2
from services.gateway.peers import ask
from services.gateway.rules.copies import NONE, Copies
from shared.channel.numbers import number_of
from shared.channel.table import WITH_COPIES

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub


class Held(NamedTuple):
    """Those that may go, and for the timeline those that may not. No address stands in it, but where it stood."""

    copies: Copies = NONE
    decisions: Sequence[notification_pb2.Decision] = ()


async def held(reader: LedgerReaderAsyncStub, tenant_id: str, category: str, copies: Copies) -> Held:
    """A suppressed one is left out, and the notification goes on."""
    if not copies.all:
        return Held()
    request = ledger_reader_pb2.FindSuppressedRequest(
        tenant_id=tenant_id, channel=number_of(WITH_COPIES), category=category, addresses=copies.all
    )
    answer = await ask(reader.FindSuppressed, request)
    reasons = {one.address: one.reason for one in answer.suppressed}
    decisions = [
        notification_pb2.Decision(rule="copy", result="SUPPRESSED", reason=f"{name} {n}: {reasons[one]}")
        for name, kind in zip(copies._fields, copies, strict=True)
        for n, one in enumerate(kind, 1)
        if one in reasons
    ]
    return Held(copies.without(frozenset(reasons)), decisions)
