"""The asyncio client's methods for the feed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import grpc.aio

from pulse.gateway.v1.event_service_pb2_grpc import EventServiceStub
from pulse_client.aio_calling import AsyncCalling
from pulse_client.errors import from_rpc_error
from pulse_client.feed.event import FeedEvent
from pulse_client.feed.following import FollowFeed, list_events


class AsyncFeedMethods(AsyncCalling):
    """All events of the tenant, in one order."""

    def list_events(
        self, after: str = "", event_types: Sequence[str] = (), page_size: int = 0
    ) -> AsyncIterator[FeedEvent]:
        """Events behind a position to the end of the feed, page by page; "": from the oldest that is kept."""
        return self._pages(list_events(after, event_types, page_size))

    async def stream_events(self, after: str = "", event_types: Sequence[str] = ()) -> AsyncGenerator[FeedEvent, None]:
        """Events behind a position as they come, without an end; goes on by itself when a stream breaks.

        "latest": from now on. Keep the last event's ``position`` to go on after a restart. Close the iterator to stop.
        """
        follow = FollowFeed(after, event_types)
        while True:
            stream = self._stubs[EventServiceStub].StreamEvents(follow.request, metadata=self._metadata)
            try:
                async for response in stream:
                    if event := follow.seen(response):
                        yield event
            except grpc.aio.AioRpcError as error:
                await asyncio.sleep(follow.pause(from_rpc_error(error)))
            finally:
                stream.cancel()
