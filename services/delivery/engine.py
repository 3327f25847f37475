"""Engine: claims what a worker was woken for, sends it and settles it. Runs in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

from services.delivery.claim import Claim, Settlement
from services.delivery.config import DeliverySettings
from services.delivery.ledger import LedgerClient
from services.delivery.line import Line
from services.delivery.metrics import DeliveryMetrics
from services.delivery.providers.base import Provider, transient
from services.delivery.room import Room
from services.delivery.settler import FIRST_PAUSE, HOPELESS, LONGEST_PAUSE, Settler
from services.delivery.templates import TemplateCache
from shared.broker import Ref
from shared.clock import SystemClock
from shared.errors import PulseError
from shared.gather import Gatherer
from shared.logs import logger
from shared.metrics import Metrics

#: A claim request holds at most 1,000 refs: so many chunks of so many.
CHUNK = 125
CHUNKS = 8
#: A chunk is at most this share of the worker's room, so that it fits beside calls that hang.
SHARE = 8

log = logger(__name__)


class Engine:
    """Everything between Celery and the providers."""

    def __init__(
        self,
        ledger: LedgerClient,
        providers: Mapping[str, Provider],
        settings: DeliverySettings,
        in_flight: int,
        metrics: DeliveryMetrics | None = None,
    ) -> None:
        self._metrics = metrics or DeliveryMetrics(Metrics(), SystemClock())
        self._providers = providers
        self._chunk = min(CHUNK, max(1, in_flight // SHARE))
        self._room = Room(in_flight)
        self._claims: Gatherer[Sequence[Ref], int] = Gatherer(self._claim, max_batch=CHUNKS, max_in_flight=1)
        self._settler = Settler(self._metrics.sized("settle", ledger.settle))
        self._claim_refs = self._metrics.sized("claim", ledger.claim)
        self._settling: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        templates = TemplateCache(ledger.template, settings.worker_templates)
        self._lines = {
            name: Line(
                provider,
                templates,
                self._settle,
                call_seconds=settings.delivery_call_seconds,
                stall_seconds=settings.delivery_stall_seconds,
            )
            for name, provider in providers.items()
        }
        self._metrics.show_room(self._room, in_flight)
        for name, line in self._lines.items():
            self._metrics.show_line(name, line)

    async def take(self, refs: Sequence[Ref]) -> None:
        """Returns when all of ``refs`` that may be sent are claimed: from then on their leases guard them.

        Waits while the worker's hands are full or the ledger is away; raises RoomClosed when the worker stops.
        """
        wanted = list(dict.fromkeys(refs))
        for start in range(0, len(wanted), self._chunk):
            chunk = wanted[start : start + self._chunk]
            await self._room.reserve(len(chunk))
            try:
                await self._claim_until_answered(chunk)
            except BaseException:
                self._room.release(len(chunk))
                raise

    def close(self) -> None:
        """Takes nothing more, and turns away those who wait in :meth:`take`."""
        self._stopping.set()
        self._room.close()

    async def stop(self) -> None:
        """Lets calls end (bounded), hands back the rest, settles everything, closes the providers."""
        self.close()
        await self._claims.drain()
        await asyncio.gather(*(line.stop() for line in self._lines.values()))
        while self._settling:
            await asyncio.wait(self._settling)
        await asyncio.gather(*(provider.close() for provider in self._providers.values()))

    async def _claim_until_answered(self, chunk: Sequence[Ref]) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await self._claims.submit(chunk)
            except PulseError as error:
                if error.code in HOPELESS or self._stopping.is_set():
                    raise
                log.warning("claim failed", reason=error.reason, refs=len(chunk))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                return

    async def _claim(self, chunks: Sequence[Sequence[Ref]]) -> list[int]:
        """Claims several chunks in one call; what was claimed keeps its place until it is settled."""
        refs = [ref for chunk in chunks for ref in chunk]
        claims = await self._claim_refs(list(dict.fromkeys(refs)))
        self._room.release(len(refs) - len(claims))
        for claim in claims:
            self._begin(claim)
        return [len(chunk) for chunk in chunks]

    def _begin(self, claim: Claim) -> None:
        line = self._lines.get(claim.provider)
        if line is not None:
            line.put(claim)
            return
        log.error("provider not configured", provider=claim.provider)
        outcome = transient("PROVIDER_NOT_CONFIGURED", f"this worker has no provider {claim.provider!r}")
        self._settle(Settlement(claim, outcome))

    def _settle(self, settlement: Settlement) -> None:
        self._metrics.ended(settlement)
        task = asyncio.create_task(self._settle_and_release(settlement))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _settle_and_release(self, settlement: Settlement) -> None:
        try:
            await self._settler.settle(settlement)
        finally:
            self._room.release(1)
