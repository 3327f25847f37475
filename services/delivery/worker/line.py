"""Line: the claims that wait for one provider, and the calls under way to it.

Each provider has its own, so that one that hangs holds up no other. One that ends no call for a while is told of,
and has its waiting claims handed back, or they would fill the worker's hands. Where all those calls are one tenant's,
and it works for others, that is so for the tenant alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import cast

from services.delivery.attachments import Attachments
from services.delivery.destinations import Destinations
from services.delivery.rules.claim import ClaimedNotification, Prepared, Settlement
from services.delivery.rules.provider import Outcome, Outgoing, Provider, released, transient, unanswered
from services.delivery.rules.slots import Slots
from services.delivery.rules.waiting_claims import WaitingClaims
from services.delivery.spans import Spans
from services.delivery.suppressed_copies import FindSuppressed
from services.delivery.worker.calls import Calls
from services.delivery.worker.preparing import prepare
from services.delivery.worker.templates import TemplateCache
from services.delivery.worker.unsubscribe_links import UnsubscribeLinks
from shared.observe.logs import logger

#: A call is given up, though it may go on, when it is overdue by so long, s.
OVERDUE_SECONDS = 0.5
#: Longest that a claim is prepared for its call, s: its template is fetched, which a slow ledger ends, and rendered.
PREPARING_SECONDS = 5.0
#: So many claims are sent before all else in the worker has its turn, where the provider keeps nobody waiting.
AT_A_STRETCH = 64

#: Told for how long, s, no call has ended, and for whom calls are under way; gives the one that this is held against,
#: None if it is held against the provider.
Stalled = Callable[[float, frozenset[str]], str | None]

log = logger(__name__)


class Line:
    """Sends claims through one provider; each ends in exactly one call of ``settle``.

    Tenants take turns, and none holds all calls while there are others.
    """

    def __init__(
        self,
        provider: Provider,
        templates: TemplateCache,
        unsubscribe: UnsubscribeLinks,
        settle: Callable[[Settlement], None],
        spans: Spans,
        *,
        stalled: Stalled,
        call_seconds: float,
        stall_seconds: float,
        attachments: Attachments | None = None,
        suppressed_copies: FindSuppressed | None = None,
        destinations: Destinations | None = None,
    ) -> None:
        self._attachments = attachments
        self._suppressed_copies = suppressed_copies
        self._destinations = destinations
        self._provider = provider
        self._templates = templates
        self._settle = settle
        self._spans = spans
        self._told_stalled = stalled
        self._unsubscribe = unsubscribe
        self._call_seconds = call_seconds
        self._stall_seconds = stall_seconds
        self._waiting = WaitingClaims()
        self._slots = Slots(provider.concurrency)
        self._servers: set[asyncio.Task[None]] = set()
        self._adding: asyncio.Handle | None = None
        self._calls = Calls(settle, call_seconds + OVERDUE_SECONDS)
        self._last_progress = 0.0
        self._stopping = False
        self._watch: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """Claims that no call has been made for yet."""
        return len(self._waiting)

    def put(self, claim: ClaimedNotification) -> None:
        """Takes a claim on."""
        if self._stopping:
            self._hand_back(claim, "WORKER_STOPPING", "the worker stops")
            return
        self._waiting.put(claim)
        self._slots.came(claim.tenant_id)
        if not self._servers:
            self._last_progress = time.monotonic()
        self._add_servers_soon()
        self._watch_progress()

    def hand_back(self, tenant_id: str | None = None) -> None:
        """Hands back what waits, or what waits for one tenant, so that it goes to the next provider at once."""
        self._hand_back_all(self._waiting.take_all(tenant_id), "PROVIDER_AVOIDED", "the provider is not called now")

    async def stop(self) -> None:
        """Hands back what waits or is being prepared; returns when the calls under way have ended or are overdue."""
        self._stopping = True
        self._hand_back_all(self._waiting.take_all(), "WORKER_STOPPING", "the worker stops")
        if self._watch is not None:
            self._watch.cancel()
        if self._servers:
            longest = max(self._call_seconds + 2 * OVERDUE_SECONDS, PREPARING_SECONDS)
            await asyncio.wait(self._servers, timeout=longest)

    def _add_servers_soon(self) -> None:
        """In the loop's next turn: a server that is not kept waiting by its provider has emptied the line by then."""
        if self._adding is None:
            self._adding = asyncio.get_running_loop().call_soon(self._add_servers)

    def _add_servers(self) -> None:
        """Doubles those that work, as far as there are slots and claims that may have them."""
        self._adding = None
        for _ in range(max(1, len(self._servers))):
            if not self._may_begin():
                return
            self._servers.add(asyncio.create_task(self._serve()))
        self._add_servers_soon()

    def _may_begin(self) -> bool:
        """Whether there is a slot, and a claim that may have it."""
        return len(self._servers) < self._slots.count and self._waiting.next_tenant(self._slots.may_begin) is not None

    async def _serve(self) -> None:
        """Works until nothing waits that may begin."""
        try:
            await self._work()
        finally:
            # At once, as who puts a claim next counts those that work.
            self._servers.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _work(self) -> None:
        served = 0
        while (tenant_id := self._waiting.next_tenant(self._slots.may_begin)) is not None:
            await self._take(tenant_id)
            served += 1
            if served % AT_A_STRETCH == 0:
                await asyncio.sleep(0)

    async def _take(self, tenant_id: str) -> None:
        claim = self._waiting.take(tenant_id)
        slot = self._slots.take(tenant_id)
        try:
            await self._deliver(claim)
        except Exception as error:  # a poison notification must not take the line with it
            log.error("delivery broke", notification_id=claim.notification_id, exc_info=error)
            # It costs an attempt: as it is the notification that breaks it, it must not come back for ever.
            self._settle(Settlement(claim, transient("WORKER_ERROR", "the worker failed before the call")))
        finally:
            self._slots.give_back(slot)
        if self._waiting:
            self._add_servers_soon()  # its tenant may have been given more slots meanwhile

    async def _deliver(self, claim: ClaimedNotification) -> None:
        problem = self._too_late(claim)
        if problem is not None:
            self._settle(Settlement(claim, problem))
            return
        if self._attachments is None or "attachments" not in claim.said:
            await self._send(claim)
            return
        async with self._attachments.in_hand(claim.said):
            await self._send(claim)

    async def _send(self, claim: ClaimedNotification) -> None:
        prepared = await self._prepared(claim)
        if isinstance(prepared, Outcome):
            self._settle(Settlement(claim, prepared))
            return
        if self._stopping:  # whose end a call that begins now would outlast
            self._hand_back(claim, "WORKER_STOPPING", "the worker stops")
            return
        problem = self._too_late(claim)  # fetching the template may have taken its time
        if problem is not None:
            self._settle(Settlement(claim, problem))
            return
        await self._call(claim, prepared)

    async def _prepared(self, claim: ClaimedNotification) -> Prepared:
        """What the provider is given. All devices of one notification are given the same, rendered once."""
        rendering = partial(
            prepare,
            claim,
            self._templates,
            self._unsubscribe,
            self._attachments,
            self._suppressed_copies,
            self._destinations,
        )
        if claim.whole is None:
            return await rendering()
        prepared = await claim.whole.prepared(rendering)
        if not isinstance(prepared, Outgoing):
            return prepared
        return prepared._replace(to=claim.to, device_token_id=claim.devices[0].device_token_id)

    async def _call(self, claim: ClaimedNotification, outgoing: Outgoing) -> None:
        span = self._spans.call(claim)
        if span.sampled:
            outgoing = outgoing._replace(traceparent=span.traceparent)
        call = self._calls.begin(claim, span)
        try:
            outcome = await self._provider.send(outgoing, time.monotonic() + self._call_seconds)
            call.end(outcome._replace(told=(*outgoing.told, *outcome.told)) if outgoing.told else outcome)
        except Exception as error:
            # Its text may quote the recipient. Whatever broke, broke at an unknown point of the call.
            log.error("provider broke", provider=self._provider.name, kind=type(error).__name__)
            call.end(unanswered("PROVIDER_ERROR", "the call broke at an unknown point"))
        finally:
            self._calls.forget(call)
            self._last_progress = time.monotonic()

    def _too_late(self, claim: ClaimedNotification) -> Outcome | None:
        now = time.monotonic()
        if claim.expires_at is not None and now >= claim.expires_at:
            return released("EXPIRED", "its time to live ended while it waited")
        if claim.lease_until - now < self._call_seconds + OVERDUE_SECONDS:
            return released("LEASE_TOO_SHORT", "its turn came too late in the lease")
        return None

    def _watch_progress(self) -> None:
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(self._stall_seconds / 4, self._check_progress)

    def _check_progress(self) -> None:
        self._watch = None
        if not self._waiting or self._stopping:
            return
        holders = self._slots.holders(self._stall_seconds)
        if not holders:
            self._add_servers_soon()
        elif time.monotonic() - self._last_progress > self._stall_seconds:
            log.warning("provider stalls", provider=self._provider.name, waiting=len(self._waiting))
            tenant_id = self._told_stalled(self._stall_seconds, holders)
            # What a breaker that opened has not handed back already need not hurry: there is nowhere else to go.
            claims = self._waiting.take_all(tenant_id)
            self._hand_back_all(claims, "PROVIDER_STALLED", "the provider answers too slowly", self._call_seconds)
        if self._waiting:
            self._watch_progress()

    def _hand_back_all(
        self, claims: Iterable[ClaimedNotification], code: str, message: str, retry_after: float | None = None
    ) -> None:
        for claim in claims:
            self._hand_back(claim, code, message, retry_after)

    def _hand_back(self, claim: ClaimedNotification, code: str, message: str, retry_after: float | None = None) -> None:
        self._settle(Settlement(claim, released(code, message, retry_after)))
