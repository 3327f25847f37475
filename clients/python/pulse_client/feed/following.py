"""The feed's calls, and following it over streams that may break."""

from __future__ import annotations

from collections.abc import Sequence

from pulse.gateway.v1 import event_service_pb2 as pb
from pulse.gateway.v1.event_service_pb2_grpc import EventServiceStub
from pulse_client.calls import Call, Page
from pulse_client.feed.event import FeedEvent, read_event
from pulse_client.follow import BrokenStreams


def list_events(after: str, event_types: Sequence[str], page_size: int) -> Call[Page[FeedEvent]]:
    """ListEvents, from a position to the end."""
    request = pb.ListEventsRequest(after=after, event_types=event_types, page_size=page_size)

    def read_page(page: pb.ListEventsResponse) -> Page[FeedEvent]:
        following = None if page.at_end else list_events(page.next_after, event_types, page_size)
        return Page([read_event(told) for told in page.events], following)

    return Call(EventServiceStub, "ListEvents", request, read_page)


class FollowFeed(BrokenStreams):
    """The state of one ``stream_events``; makes no call itself."""

    def __init__(self, after: str, event_types: Sequence[str]) -> None:
        super().__init__()
        self._after = after
        self._event_types = event_types

    @property
    def request(self) -> pb.StreamEventsRequest:
        """For the next stream: only what was not seen yet."""
        return pb.StreamEventsRequest(after=self._after, event_types=self._event_types)

    def seen(self, response: pb.StreamEventsResponse) -> FeedEvent | None:
        """Takes note of what came; None: only that there was nothing of these types."""
        self._after = response.next_after
        self.went_well()
        return read_event(response.event) if response.HasField("event") else None
