"""Destinations as sends need them: looked up by name in the ledger, and remembered for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pulse.ledger.v1 import ledger_reader_pb2
from services.gateway.peers import ask
from services.gateway.rules.channel_addresses import ChannelAddress
from shared.channel.table import Address
from shared.errors import Code, PulseError
from shared.fetched import Fetched
from shared.rpc import deadlines
from shared.text.chat_bounds import CHAT_KINDS

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

#: Destinations that are remembered, and their bytes.
_MOST, _MOST_BYTES = 10_000, 2**20
#: Longest time a look-up may take, s; it belongs to all who wait for it, so no caller's deadline cuts it.
_LOOK_UP_SECONDS = 5.0

_Key = tuple[str, str]  # tenant id, name


class Destinations:
    """What kind each is."""

    def __init__(self, reader: LedgerReaderAsyncStub, *, fresh_seconds: float) -> None:
        self._reader = reader
        self._kinds: Fetched[_Key, str] = Fetched(self._look_up, _MOST, _MOST_BYTES, len, fresh_seconds=fresh_seconds)

    async def bounded(self, tenant_id: str, wanted: Sequence[ChannelAddress]) -> list[ChannelAddress]:
        """The same, with the bounds of those that are destinations; NOT_FOUND for a name that nobody registered."""
        return [
            one._replace(bound=CHAT_KINDS.get(await self._kind(tenant_id, one)))
            if one.channel.facts.address is Address.DESTINATION
            else one
            for one in wanted
        ]

    def forget(self, tenant_id: str, name: str) -> None:
        """Drops what is remembered of one, after a change made here."""
        self._kinds.forget((tenant_id, name))

    async def _kind(self, tenant_id: str, one: ChannelAddress) -> str:
        try:
            async with asyncio.timeout(deadlines.remaining()):
                return await self._kinds.get((tenant_id, one.address))
        except TimeoutError:
            raise PulseError(Code.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "no answer before the deadline") from None
        except PulseError as error:
            if error.code is Code.NOT_FOUND:
                raise _unknown(one) from None
            raise

    async def _look_up(self, key: _Key) -> str:
        deadlines.start(None, longest=_LOOK_UP_SECONDS)
        request = ledger_reader_pb2.GetDestinationRequest(tenant_id=key[0], name=key[1])
        return (await ask(self._reader.GetDestination, request)).destination.kind


def _unknown(one: ChannelAddress) -> PulseError:
    return PulseError(
        Code.NOT_FOUND,
        "DESTINATION_UNKNOWN",
        f"{one.field('to')} names no destination that is registered",
        hint="whoever administers Pulse registers it: POST /v1/destinations",
        metadata={"field": one.field("to")},
    )
