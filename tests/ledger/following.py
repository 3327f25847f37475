"""A caller that follows notifications as a gateway does: by one stream, and by asking for the events."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from pulse.ledger.v1 import ledger_reader_pb2 as pb
from pulse.ledger.v1 import records_pb2
from shared.rpc.channels import call
from tests.ledger.calls import Calls
from tests.support import eventually

Ref = records_pb2.NotificationRef


class Following:
    """One stream; ``told`` has the last event of each notification, by its id."""

    def __init__(self, calls: Calls) -> None:
        self.told: dict[str, int] = {}
        self.times: dict[str, int] = {}
        self.stream = calls.reader.FollowNotifications()
        self._listening = asyncio.create_task(self._listen())

    async def __aenter__(self) -> Following:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stream.cancel()
        await asyncio.wait([self._listening])

    async def follow(self, ref: Ref, sequence: int = 0) -> None:
        await self.follow_all([pb.TimelinePlace(ref=ref, sequence=sequence)])

    async def follow_all(self, places: Iterable[pb.TimelinePlace]) -> None:
        await self.stream.write(pb.FollowNotificationsRequest(followed=places))

    async def drop(self, ref: Ref) -> None:
        await self.stream.write(pb.FollowNotificationsRequest(dropped=[ref]))

    async def until(self, ref: Ref, sequence: int) -> None:
        """Returns when it is told that this is the last event."""
        await eventually(lambda: self.told.get(ref.notification_id) == sequence)

    async def ended(self) -> None:
        """Returns when the ledger ends the stream; raises AioRpcError if not with OK."""
        async with asyncio.timeout(10):
            await self._listening

    async def _listen(self) -> None:
        async for response in self.stream:
            for place in response.changed:
                id_ = place.ref.notification_id
                self.told[id_] = place.sequence
                self.times[id_] = self.times.get(id_, 0) + 1


async def events(calls: Calls, *wanted: tuple[Ref, int]) -> list[pb.NotificationEvents]:
    """What is behind these places."""
    places = [pb.TimelinePlace(ref=ref, sequence=sequence) for ref, sequence in wanted]
    return list((await call(calls.reader.GetEvents, pb.GetEventsRequest(wanted=places))).results)
