"""Memory that open watches take: what bounds how many there may be."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

import grpc.aio

from proof.bench.bench import Bench, Runs
from proof.bench.figures import Row, at_most
from proof.bench.rows.memory import REST_S
from proof.bench.suite import API_KEYS
from pulse.gateway.v1 import notification_service_pb2 as api
from pulse.gateway.v1.notification_service_pb2_grpc import NotificationServiceStub
from pulse_client import connection

KILOBYTE = 1024
#: Each on a connection of its own, and below its quota.
HOLDERS = ("tenant-0", "tenant-1", "tenant-2", "tenant-3")


async def memory(bench: Bench) -> Row:
    """Each watches a notification that waits. What is not given back by one run is used again by the next."""
    sizes = bench.sizes
    each = max(1, sizes.watches // len(HOLDERS))
    count = each * len(HOLDERS)
    row = Row("memory-watches", f"memory that {count:,} open watches add, each of a notification of its own")
    await bench.suite.stop_workers()
    ids = {tenant: [id_ for id_, _ in (await bench.backlog(each, tenant=tenant)).ids] for tenant in HOLDERS}
    before = await _at_rest(bench)
    runs = Runs()
    for _ in range(sizes.runs):
        async with _watched(bench.suite.grpc, ids):
            after = await _at_rest(bench)
        grown = {name: (after[name] - before[name]) / KILOBYTE / count for name in before}
        runs.note(gateway=grown["gateway"], ledger=grown["ledger"])
    row.figures.append(runs.figure("gateway", "gateway, for each watch", "kB", at_most(40)))
    row.figures.append(runs.figure("ledger", "ledger, for each watch", "kB", at_most(4)))
    await bench.suite.start_workers()
    await bench.drain()
    return row


async def _at_rest(bench: Bench) -> Mapping[str, int]:
    await asyncio.sleep(REST_S)
    return bench.suite.pss()


@contextlib.asynccontextmanager
async def _watched(address: str, ids: Mapping[str, Sequence[str]]) -> AsyncIterator[None]:
    """A watch of each, which has told its first event."""
    options = [*connection.options(), ("grpc.use_local_subchannel_pool", 1)]
    async with contextlib.AsyncExitStack() as stack:
        watches = []
        for tenant, own in ids.items():
            stub = NotificationServiceStub(
                await stack.enter_async_context(grpc.aio.insecure_channel(address, options=options))
            )
            metadata = (("x-api-key", API_KEYS[tenant]),)
            watches += [
                stub.WatchNotification(api.WatchNotificationRequest(notification_id=id_), metadata=metadata)
                for id_ in own
            ]
        await asyncio.gather(*(watch.read() for watch in watches))
        yield
