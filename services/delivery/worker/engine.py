"""Engine: claims what a worker was woken for, sends it and settles it. Runs in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TypeVar

from services.delivery.attachments import Attachments
from services.delivery.config import DeliverySettings
from services.delivery.destinations import Destinations
from services.delivery.ledger import HOPELESS, LedgerClient
from services.delivery.rules.breakers import Breakers, Probe
from services.delivery.rules.claim import Claimed, ClaimedNotification, Settlement
from services.delivery.rules.provider import Outcome, Provider, permanent, released, transient
from services.delivery.rules.provider_view import NONE_AVOIDED, Avoided
from services.delivery.rules.room import Room
from services.delivery.spans import Spans, settled
from services.delivery.worker.exchange import StateExchange
from services.delivery.worker.fan_out import FanOut
from services.delivery.worker.line import Line
from services.delivery.worker.metrics import DeliveryMetrics
from services.delivery.worker.offers import Offers
from services.delivery.worker.pace import Pace
from services.delivery.worker.rounds import WISHES, Rounds
from services.delivery.worker.settler import FIRST_PAUSE, LONGEST_PAUSE, Settler
from services.delivery.worker.templates import TemplateCache
from services.delivery.worker.unsubscribe_links import UnsubscribeLinks
from shared.clock import Clock, SystemClock
from shared.errors import PulseError
from shared.observe.logs import logger
from shared.observe.metrics import Metrics
from shared.refs import Ref, Traces

#: Refs that one task claims at once: as many as make a call's 1,000 with those of others.
CHUNK = 1_000 // WISHES
#: A chunk is at most this share of the worker's room, so that it fits beside calls that hang.
SHARE = 8
#: Contexts that a worker has in hand, characters. An answer's share is taken before it is asked for.
MOST_TEXT = 64 * 1024 * 1024

Result = TypeVar("Result")

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
        clock: Clock | None = None,
        spans: Spans | None = None,
        pace: Pace | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self._ledger = ledger
        self._pace = pace or Pace(1.0)
        self._metrics = metrics or DeliveryMetrics(Metrics(), clock)
        self._providers = providers
        self._spans = spans or Spans()
        self._chunk = min(CHUNK, max(1, in_flight // SHARE))
        self._in_flight = in_flight
        self._unsettled = 0
        self._room = Room(in_flight)
        self._text = Room(MOST_TEXT)
        #: For claims that come without being asked for; what they were to avoid is looked at when they are here.
        self.offers = Offers(self._room, self._text, partial(self._begin, avoided=NONE_AVOIDED))
        self._stopping = asyncio.Event()
        self._lines = self._make_lines(ledger, settings)
        self._breakers = Breakers(
            {name: provider.channel for name, provider in providers.items()},
            settings.breaker_policy(),
            clock,
            hand_back=lambda name, tenant_id: self._lines[name].hand_back(tenant_id),
            watch=self._metrics.breaker_changed,
        )
        ask = self._metrics.sized(ledger.round)
        self._rounds = Rounds(
            ask,
            Settler(ask, self._settled),
            self._text,
            avoided=self._breakers.avoided,
            claimed=self._claimed,
        )
        self._exchange = StateExchange(ledger.exchange, self._breakers)
        self._metrics.show_room(self._room, in_flight)
        for name, line in self._lines.items():
            self._metrics.show_line(name, line)

    def start(self) -> None:
        """Begins to exchange provider states with the ledger; refs may be taken before."""
        self._exchange.start()

    async def take(self, refs: Sequence[Ref], traces: Traces = MappingProxyType({})) -> None:
        """Returns when all of ``refs`` that may be sent are claimed: from then on their leases guard them.

        Waits while the worker's hands are full or the ledger is away; raises RoomClosed when the worker stops.
        """
        wanted = list(dict.fromkeys(refs))
        self._spans.taken(traces)
        try:
            await self._claim_all(wanted)
        finally:
            self._spans.claimed(wanted)

    async def _claim_all(self, wanted: Sequence[Ref]) -> None:
        while wanted:
            async with self._pace.turn():
                size = self._pace.chunk(self._chunk)
                chunk, wanted = wanted[:size], wanted[size:]
                await self._room.reserve(len(chunk))
                asked_at = time.monotonic()
                await self._claim_chunk(chunk)
                took = time.monotonic() - asked_at
                await self._pace.claimed(took, high_under_way=self._ledger.high_under_way)

    def avoided(self) -> Avoided:
        """Providers that nothing may be claimed for now."""
        return self._breakers.avoided()

    def close(self) -> None:
        """Takes nothing more, and turns away those who wait in :meth:`take`."""
        self._stopping.set()
        self._room.close()
        self._text.close()

    async def stop(self) -> None:
        """Lets calls end (bounded), hands back the rest, settles everything, closes the providers."""
        self.close()
        await self._exchange.stop()
        await self._rounds.end_claims()
        await asyncio.gather(*(line.stop() for line in self._lines.values()))
        await self._rounds.drain()
        await asyncio.gather(*(provider.close() for provider in self._providers.values()))

    def _make_lines(self, ledger: LedgerClient, settings: DeliverySettings) -> dict[str, Line]:
        templates = TemplateCache(ledger.template, settings.worker_templates, settings.worker_templates_mib * 2**20)
        attachments, destinations = Attachments(ledger.attachment), Destinations(ledger.destination)
        links = UnsubscribeLinks.from_settings(settings, self._metrics.without_link)
        return {
            name: Line(
                provider,
                templates,
                links,
                self._settle,
                self._spans,
                stalled=partial(self._stalled, name),
                call_seconds=settings.delivery_call_seconds,
                stall_seconds=settings.delivery_stall_seconds,
                attachments=attachments,
                suppressed_copies=ledger.suppressed,
                destinations=destinations,
            )
            for name, provider in self._providers.items()
        }

    def _stalled(self, name: str, seconds: float, tenants: frozenset[str]) -> str | None:
        return self._breakers.stalled(name, seconds, tenants)

    async def _claim_chunk(self, chunk: Sequence[Ref]) -> None:
        """Claims refs that have their places."""
        unanswered = chunk
        try:
            probe = self._breakers.begin_probe(chunk)
            if probe is not None:
                tried = frozenset(probe.of(chunk))
                left = await self._claim_probe([ref for ref in chunk if ref in tried], probe)
                unanswered = [*left, *(ref for ref in chunk if ref not in tried)]
            while unanswered:
                unanswered = await self._until_answered(partial(self._rounds.claim, unanswered))
        except BaseException:
            self._room.release(len(unanswered))
            raise

    async def _claim_probe(self, refs: Sequence[Ref], probe: Probe) -> Sequence[Ref]:
        """Claims a few refs by providers that are to be tried, which all other claims avoid; those that are left."""
        avoided = self._breakers.avoided().but_for(probe.providers, probe.tries)
        claimed = Claimed([], [])
        try:
            claimed = await self._until_answered(partial(self._rounds.claim_apart, refs, avoided))
        finally:
            self._breakers.claimed(probe, claimed.claims)
        self._claimed(claimed.claims, len(refs) - len(claimed.left), avoided)
        return claimed.left

    async def _until_answered(self, claim: Callable[[], Awaitable[Result]]) -> Result:
        """The answer to ``claim``, repeated until the ledger gives one; raises if that is hopeless or it stops."""
        pause = FIRST_PAUSE
        while True:
            try:
                return await claim()
            except PulseError as error:
                if error.code in HOPELESS or self._stopping.is_set():
                    raise
                log.warning("claim failed", reason=error.reason)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def _claimed(self, claims: Sequence[ClaimedNotification], places: int, avoided: Avoided) -> None:
        """Sends ``claims`` on their way, each in a place of its own until it is settled; the others are free again."""
        self._room.release(places - len(claims))
        for claim in claims:
            self._begin(claim, avoided)

    def _begin(self, claim: ClaimedNotification, avoided: Avoided) -> None:
        """Sends a claim on its way; ``avoided`` is what the ledger was asked to avoid."""
        if not claim.devices:
            self._put(claim, avoided)
            return
        for part in FanOut(claim).parts():
            self._put(part, avoided)

    def _put(self, claim: ClaimedNotification, avoided: Avoided) -> None:
        line = self._lines.get(claim.provider)
        if claim.devices and claim.devices[0].waits:
            self._settle(Settlement(claim, released("PROVIDER_AVOIDED", "the provider is not called now")))
        elif line is None:
            log.error("provider not configured", provider=claim.provider)
            self._settle(Settlement(claim, _not_configured(claim)))
        elif not avoided.holds(claim.tenant_id, claim.provider) and self._breakers.is_closed_to(claim):
            # It came to be avoided meanwhile. Where the ledger chose it all the same, an operator has forced it.
            self._settle(Settlement(claim, released("PROVIDER_AVOIDED", "the provider is not called now")))
        else:
            line.put(claim)

    def _settle(self, settlement: Settlement) -> None:
        """A call has ended, or will not be made; of several devices' calls the last has to."""
        self._metrics.ended(settlement)
        self._breakers.ended(settlement)
        if settlement.claim.whole is not None:
            whole = settlement.claim.whole.ended(settlement)
            if whole is None:
                return
            settlement = whole
        # Its place is free for a claim that travels with it, unless too many wait for a ledger that settles nothing.
        self._unsettled += 1
        if self._unsettled <= self._in_flight:
            self._room.release(1)
        self._rounds.settle(settlement)

    def _settled(self, settlements: Sequence[Settlement]) -> None:
        """Nothing more is done with them."""
        kept = min(len(settlements), max(0, self._unsettled - self._in_flight))
        self._unsettled -= len(settlements)
        self._room.release(kept)
        self._text.release(sum(one.claim.weight for one in settlements))
        for one in settlements:
            settled(one)


def _not_configured(claim: ClaimedNotification) -> Outcome:
    """Of one of several devices it is for good: the others must not wait for an operator."""
    said = f"this worker has no provider {claim.provider!r}"
    return permanent("PROVIDER_NOT_CONFIGURED", said) if claim.devices else transient("PROVIDER_NOT_CONFIGURED", said)
