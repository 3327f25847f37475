"""Faults by what one tenant may do: large digests that are all due at once, and watches without number."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc.aio
from google.protobuf.duration_pb2 import Duration

from proof.chaos import gathering
from proof.chaos.driver import credential, make_template
from proof.chaos.faults import Fault
from proof.chaos.load import TENANTS, Ask, Load, Step, Way
from pulse.gateway.v1 import notification_service_pb2 as api
from pulse.gateway.v1.notification_service_pb2_grpc import NotificationServiceStub

#: Digests, entries of each, and characters of each entry: together more than any one answer may hold.
DIGESTS = 80
ENTRIES = 5
LENGTH = 50_000
#: Entries that one call brings.
BATCH = 20
WINDOW_S = 1
#: What is said in a digest: its oldest entry's text, by which the checker knows it.
BODY = "Hello {{ digest.entries.first.name }}."
#: Watches of one key, and connections that they are spread over.
WATCHES = 1_000
CHANNELS = 5
OWN = "SELECT notification_id::text FROM notifications WHERE tenant_id = %(tenant)s AND user_id LIKE %(users)s LIMIT 50"


class Digests(Fault):
    """Digests whose texts together fill several answers come due at once, each to be sent at most once."""

    name = "digests"
    lasts_s = WINDOW_S + 1.0

    async def prepare(self) -> None:
        name = f"{self.window.prefix}-g"
        window = Duration(seconds=WINDOW_S)
        await make_template(self.suite.plan.ports.address("grpc"), name, BODY, category=name, digest_window=window)

    async def strike(self) -> None:
        prefix = f"{self.window.prefix}-g"
        entries = [self._entry(prefix, number) for number in range(DIGESTS * ENTRIES)]
        steps = [Step(Way.BATCH, tuple(entries[start : start + BATCH])) for start in range(0, DIGESTS * ENTRIES, BATCH)]
        self.what = f"{DIGESTS} digests of {ENTRIES} × {LENGTH} characters"
        self.window.driver.start(steps)

    def _entry(self, prefix: str, number: int) -> Ask:
        """Entries of one call are one tenant's, and those of one digest are in one call."""
        return Ask(
            tenant=TENANTS[number // BATCH % len(TENANTS)],
            user=f"{prefix}-u{number // ENTRIES}",
            channel="EMAIL",
            lane="LOW",
            to=f"{prefix}.{number // ENTRIES}@example.com",
            name=f"{prefix}-n{number}-".ljust(LENGTH, "x"),
            key=f"{prefix}-k{number}",
            at_most_once=True,
            template=prefix,
        )


class Streams(Fault):
    """One key watches notifications a thousand times, while both tenants go on sending."""

    name = "streams"
    lasts_s = 2.0

    async def strike(self) -> None:
        tenant = TENANTS[0]
        async with self.suite.database() as connection:
            users = {"tenant": tenant, "users": gathering.pattern(self.window.prefix)}
            ids = [row[0] for row in await (await connection.execute(OWN, users)).fetchall()]
        self.what = f"{WATCHES} watches of {len(ids)}"
        address = self.suite.link("client").address
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channels = [grpc.aio.insecure_channel(address, options=options) for _ in range(CHANNELS)]
        stubs = [NotificationServiceStub(channel) for channel in self._channels]
        self._watches = []
        for number in range(WATCHES if ids else 0):
            message = api.WatchNotificationRequest(notification_id=ids[number % len(ids)])
            call = stubs[number % CHANNELS].WatchNotification(message, metadata=credential(tenant))
            self._watches.append(asyncio.create_task(_follow(call)))
        prefix = f"{self.window.prefix}-w"
        self.window.driver.start(Load(prefix, prefix).steps(60))

    async def heal(self) -> None:
        await asyncio.gather(*(channel.close() for channel in self._channels))
        await asyncio.gather(*self._watches)


async def _follow(call: grpc.aio.UnaryStreamCall[Any, Any]) -> None:
    """Reads whatever comes, to the end."""
    try:
        while await call.read() is not grpc.aio.EOF:
            pass
    except (grpc.aio.AioRpcError, asyncio.CancelledError):
        return  # the end of its notification, of a link, or of the fault
