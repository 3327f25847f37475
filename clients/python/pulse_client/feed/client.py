"""The client's methods for the feed."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence

import grpc

from pulse.gateway.v1.event_service_pb2_grpc import EventServiceStub
from pulse_client.calling import Calling
from pulse_client.errors import from_rpc_error
from pulse_client.feed.event import FeedEvent
from pulse_client.feed.following import FollowFeed, list_events


class FeedMethods(Calling):
    """All events of the tenant, in one order."""

    def list_events(self, after: str = "", event_types: Sequence[str] = (), page_size: int = 0) -> Iterator[FeedEvent]:
        """Events behind a position to the end of the feed, page by page; "": from the oldest that is kept."""
        return self._pages(list_events(after, event_types, page_size))

    def stream_events(self, after: str = "", event_types: Sequence[str] = ()) -> Generator[FeedEvent, None, None]:
        """Events behind a position as they come, without an end; goes on by itself when a stream breaks.

        "latest": from now on. Keep the last event's ``position`` to go on after a restart. Close the iterator to stop.
        """
        follow = FollowFeed(after, event_types)
        while True:
            stream = self._stubs[EventServiceStub].StreamEvents(follow.request, metadata=self._metadata)
            try:
                for response in stream:
                    if event := follow.seen(response):
                        yield event
            except grpc.RpcError as error:
                time.sleep(follow.pause(from_rpc_error(error)))
            finally:
                stream.cancel()
