"""EventService: convert, ask, convert back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from pulse.gateway.v1 import event_service_pb2 as api
from pulse.gateway.v1 import event_service_pb2_grpc as api_grpc
from pulse.ledger.v1 import ledger_reader_pb2
from services.gateway.api.feeds import Feeds
from services.gateway.door.calls import Context, Entry
from services.gateway.peers import ask
from shared.errors import PulseError
from shared.rpc.statuses import to_status
from shared.rpc.validation import check

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

_DEFAULT_SIZE = 100


class EventService(api_grpc.EventServiceServicer):
    """The public door to tenants' feeds."""

    def __init__(self, entry: Entry, reader: LedgerReaderAsyncStub, feeds: Feeds) -> None:
        self._entry = entry
        self._reader = reader
        self._feeds = feeds

    async def ListEvents(self, request: api.ListEventsRequest, context: Context) -> api.ListEventsResponse:
        caller = self._entry.caller(context, "read")
        check(request)
        inner = ledger_reader_pb2.ListEventsRequest(
            tenant_id=caller.tenant_id,
            after=request.after,
            page_size=request.page_size or _DEFAULT_SIZE,
            event_types=request.event_types,
        )
        page = await ask(self._reader.ListEvents, inner)
        return api.ListEventsResponse(events=page.events, next_after=page.next_after, at_end=page.at_end)

    async def StreamEvents(
        self, request: api.StreamEventsRequest, context: Context
    ) -> AsyncIterator[api.StreamEventsResponse]:
        caller, said = self._entry.admit(context, "read")
        check(request)
        told = False
        try:
            async for response in self._feeds.events(caller, said, request.after, request.event_types):
                yield response
                told = True
        except PulseError as error:
            # After its first line a REST stream has its HTTP status, and would seem to be at its end.
            if told and said.over_rest:
                yield api.StreamEventsResponse(error=to_status(error))
            raise
