"""I21: who listens to a cell's events, by feeds and subscriptions, and whether they were told what the ledger has."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import grpc.aio

from proof.chaos.evidence import Event
from proof.chaos.findings import Violation
from proof.chaos.invariants.of_entries import ENDED
from proof.chaos.suite import API_KEYS
from proof.waiting import until
from pulse.common.v1.subscription_pb2 import Subscription
from pulse.gateway.v1 import event_service_pb2, subscription_service_pb2
from pulse.gateway.v1.event_service_pb2_grpc import EventServiceStub
from pulse.gateway.v1.subscription_service_pb2_grpc import SubscriptionServiceStub

#: Longest wait for what was not told yet, s: a lease of the sender's, and a retry.
PATIENCE_S = 40.0
#: Between two streams of which the first broke, s.
PAUSE_S = 0.2
#: A notification and the type of an event.
Told = tuple[str, str]


class _Receiver(BaseHTTPRequestHandler):
    """Keeps what its server is sent."""

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.told.add((event["data"].get("notification_id", ""), event["type"]))  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


class Listener:
    """Reads the feeds of all tenants, and receives what they subscribed to, from :meth:`start` on."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._tasks: list[asyncio.Task[None]] = []
        self._server = cast("Any", ThreadingHTTPServer(("127.0.0.1", 0), _Receiver))
        self._sent: set[Told] = set()
        self._server.told = self._sent
        self._subscriptions: dict[str, str] = {}
        #: How often the feeds told each event, by its id, and what those events are.
        self._times: Counter[str] = Counter()
        self._told: dict[str, Told] = {}

    async def start(self) -> None:
        """While the suite is whole."""
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        async with grpc.aio.insecure_channel(self._address) as channel:
            stub, feed = SubscriptionServiceStub(channel), EventServiceStub(channel)
            for tenant, key in API_KEYS.items():
                url = f"http://127.0.0.1:{self._server.server_port}/"
                asked = subscription_service_pb2.CreateSubscriptionRequest(subscription=Subscription(url=url))
                made = await stub.CreateSubscription(asked, metadata=_bearing(key))
                self._subscriptions[tenant] = made.subscription.subscription_id
                end = await feed.ListEvents(event_service_pb2.ListEventsRequest(after="latest"), metadata=_bearing(key))
                self._tasks.append(asyncio.create_task(self._follow(key, end.next_after)))

    async def missed(self, events: Mapping[str, Sequence[Event]]) -> list[Violation]:
        """What of these timelines was not told in time, and what was told twice by the feed."""
        expected = {(id_, type_) for id_, timeline in events.items() for type_ in told_of(timeline)}
        await until(lambda: self._has(expected), PATIENCE_S, 0.1)
        by_feed, sent = set(self._told.values()), set(self._sent)
        found = [Violation("I21", "feed", id_, f"{type_} was not told") for id_, type_ in sorted(expected - by_feed)]
        found += [Violation("I21", "sent", id_, f"{type_} was not sent") for id_, type_ in sorted(expected - sent)]
        twice = [id_ for id_, times in self._times.items() if times > 1]
        return found + [Violation("I21", "twice", self._told[id_][0], f"{id_} was told again") for id_ in twice]

    def invented(self, events: Mapping[str, Sequence[Event]]) -> Iterator[Violation]:
        """What was told of these notifications, and is not in their timelines, which were read later."""
        for id_, type_ in {*self._told.values(), *self._sent}:
            if id_ in events and type_ not in told_of(events[id_]):
                yield Violation("I21", "phantom", id_, f"{type_} was told, and is not in the ledger")

    async def stop(self) -> None:
        """Hears nothing more; the suite is whole again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        async with grpc.aio.insecure_channel(self._address) as channel:
            stub = SubscriptionServiceStub(channel)
            for tenant, id_ in self._subscriptions.items():
                asked = subscription_service_pb2.DeleteSubscriptionRequest(subscription_id=id_)
                await stub.DeleteSubscription(asked, metadata=_bearing(API_KEYS[tenant]))
        await asyncio.to_thread(self._server.shutdown)
        self._server.server_close()

    async def _has(self, expected: set[Told]) -> bool:
        return expected <= set(self._told.values()) and expected <= self._sent

    async def _follow(self, key: str, after: str) -> None:
        """Over streams that break: each goes on where the one before ended."""
        while True:
            try:
                async with grpc.aio.insecure_channel(self._address) as channel:
                    asked = event_service_pb2.StreamEventsRequest(after=after)
                    async for one in EventServiceStub(channel).StreamEvents(asked, metadata=_bearing(key)):
                        after = one.next_after
                        if one.HasField("event"):
                            self._times[one.event.event_id] += 1
                            self._told[one.event.event_id] = one.event.notification_id, one.event.type
            except grpc.aio.AioRpcError:
                await asyncio.sleep(PAUSE_S)


def told_of(timeline: Sequence[Event]) -> set[str]:
    """The types of the events that a timeline comes to: its acceptance, and each end that it came to."""
    rows = sorted(timeline, key=lambda event: event.sequence)
    found, before = set(), ""
    for number, row in enumerate(rows):
        moved_on = number + 1 < len(rows) and rows[number + 1].kind == "FALLBACK"
        if row.kind == "ACCEPTED":
            found.add("notification.accepted")
        if row.status in ENDED and row.status != before and not (moved_on and row.status in ("FAILED", "UNDELIVERED")):
            found.add(f"notification.{row.status.lower()}")
        before = row.status
    return found


def _bearing(key: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {key}"),)
