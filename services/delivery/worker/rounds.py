"""Rounds: calls to the ledger, each of which carries all that there is to say: how attempts ended, what is wanted."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from services.delivery.rules.claim import Claimed, ClaimedNotification, Settlement
from services.delivery.rules.provider_view import NONE_AVOIDED, Avoided
from services.delivery.rules.room import Room, RoomClosed
from services.delivery.worker.settler import MOST, Ask, Settler, said
from shared.errors import PulseError
from shared.refs import Ref

#: Wishes that are put together in one call, and calls with wishes that are under way at once.
WISHES, CLAIMING = 8, 2
#: An outcome waits so long, s, for a wish to travel with, and goes without if there is none.
PATIENCE = 0.005
#: Contexts that an answer may hold, characters: room for them is taken before it is asked for.
ANSWER_TEXT = 4 * 1024 * 1024


class _Wish(NamedTuple):
    refs: Sequence[Ref]
    #: What of ``refs`` is left to be claimed by another call.
    left: asyncio.Future[Sequence[Ref]]


class Rounds:
    """A wish goes at once and takes along the outcomes there are; these wait for one no longer than a moment.

    ``avoided`` says what is to be avoided now. ``claimed`` is given what a call claimed, how many places were taken for
    it, and what it avoided.
    """

    def __init__(
        self,
        ask: Ask,
        settler: Settler,
        text: Room,
        *,
        avoided: Callable[[], Avoided],
        claimed: Callable[[Sequence[ClaimedNotification], int, Avoided], None],
    ) -> None:
        self._ask = ask
        self._settler = settler
        self._text = text
        self._avoided = avoided
        self._claimed = claimed
        self._wishes: deque[_Wish] = deque()
        self._outcomes: list[Settlement] = []
        self._patience: asyncio.TimerHandle | None = None
        self._beginning = False
        self._asking = 0  # calls with wishes that are under way
        self._claiming: set[asyncio.Task[None]] = set()
        self._settling: asyncio.Task[None] | None = None

    async def claim(self, refs: Sequence[Ref]) -> Sequence[Ref]:
        """What is left of ``refs``, which have their places; raises PulseError, and RoomClosed if the worker stops."""
        wish = _Wish(refs, asyncio.get_running_loop().create_future())
        self._wishes.append(wish)
        self._claim_soon()
        return await wish.left

    async def claim_apart(self, refs: Sequence[Ref], avoided: Avoided) -> Claimed:
        """By a call of its own, with providers to avoid of its own; raises as :meth:`claim`."""
        await self._text.reserve(ANSWER_TEXT)
        claimed: Claimed | PulseError = Claimed([], [])
        try:
            _, claimed = await self._ask((), refs, avoided)
            if isinstance(claimed, PulseError):
                raise claimed
        finally:
            self._keep_text(Claimed([], []) if isinstance(claimed, PulseError) else claimed)
        return claimed

    def settle(self, settlement: Settlement) -> None:
        """An attempt ended."""
        self._outcomes.append(settlement)
        self._settle_soon()

    async def end_claims(self) -> None:
        """Returns when nothing is being claimed."""
        while self._claiming:
            await asyncio.wait(self._claiming)

    async def drain(self) -> None:
        """Returns when all is settled, or given up."""
        while True:
            self._settle_now()
            under_way = [task for task in (*self._claiming, self._settling, self._settler.trying) if task is not None]
            if not under_way:
                return
            await asyncio.wait(under_way)

    def _claim_soon(self) -> None:
        """In the loop's next turn, so that those who wish at the same time wish together."""
        if self._wishes and not self._beginning and len(self._claiming) < CLAIMING:
            self._beginning = True
            task = asyncio.create_task(self._claim())
            self._claiming.add(task)
            task.add_done_callback(self._end_claiming)

    async def _claim(self) -> None:
        """One call with wishes, once there is room for what an answer may hold."""
        try:
            await self._text.reserve(ANSWER_TEXT)
        except RoomClosed as error:
            for wish in self._take_wishes():
                wish.left.set_exception(error)
            return
        wishes = self._take_wishes()
        self._claim_soon()
        self._asking += 1
        try:
            await self._round(self._take_outcomes(), wishes)
        finally:
            self._asking -= 1

    def _end_claiming(self, task: asyncio.Task[None]) -> None:
        self._claiming.discard(task)
        self._claim_soon()
        self._settle_soon()

    def _settle_soon(self) -> None:
        """Has what waits go once it has waited for long enough, or is a call's worth."""
        if len(self._outcomes) >= MOST:
            self._settle_now()
        elif self._outcomes and self._patience is None:
            self._patience = asyncio.get_running_loop().call_later(PATIENCE, self._lose_patience)

    def _lose_patience(self) -> None:
        """Unless there are wishes that go as soon as a call is answered, and take along what waits."""
        self._patience = None
        if not (self._wishes and self._asking):
            self._settle_now()

    def _settle_now(self) -> None:
        """One call without wishes at a time: what it does not take goes with the next call of either kind."""
        if self._outcomes and self._settling is None:
            self._settling = asyncio.create_task(self._round(self._take_outcomes(), ()))
            self._settling.add_done_callback(self._end_settling)

    def _end_settling(self, _: asyncio.Task[None]) -> None:
        self._settling = None
        self._settle_soon()

    def _take_wishes(self) -> list[_Wish]:
        """The next, without those who have given up."""
        self._beginning = False
        wishes: list[_Wish] = []
        while self._wishes and len(wishes) < WISHES:
            wish = self._wishes.popleft()
            if not wish.left.done():
                wishes.append(wish)
        return wishes

    def _take_outcomes(self) -> list[Settlement]:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        taken, self._outcomes = self._outcomes[:MOST], self._outcomes[MOST:]
        self._settle_soon()
        return taken

    async def _round(self, outcomes: Sequence[Settlement], wishes: Sequence[_Wish]) -> None:
        """One call, and what follows from its answer."""
        refs = list(dict.fromkeys(ref for wish in wishes for ref in wish.refs))
        avoided = self._avoided() if refs else NONE_AVOIDED
        claimed: Claimed | Exception
        try:
            applied, claimed = await self._ask(outcomes, refs, avoided)
        except Exception as error:
            applied, claimed = said(error), error
        if isinstance(applied, PulseError):
            self._settler.failed(outcomes, applied)
        else:
            self._settler.answered(outcomes, applied)
        if wishes:
            self._fulfil(wishes, claimed, avoided)

    def _fulfil(self, wishes: Sequence[_Wish], claimed: Claimed | Exception, avoided: Avoided) -> None:
        # Who gave up meanwhile has given its places back: what was claimed for it takes new ones.
        wishes = [wish for wish in wishes if not wish.left.done()]
        if isinstance(claimed, Exception):
            self._text.release(ANSWER_TEXT)
            for wish in wishes:
                wish.left.set_exception(claimed)
            return
        self._keep_text(claimed)
        still_wanted = frozenset(claimed.left)
        left = [[ref for ref in wish.refs if ref in still_wanted] for wish in wishes]
        places = sum(len(wish.refs) for wish in wishes) - sum(map(len, left))
        try:
            self._claimed(claimed.claims, places, avoided)
        finally:
            for wish, of_wish in zip(wishes, left, strict=True):
                wish.left.set_result(of_wish)

    def _keep_text(self, claimed: Claimed) -> None:
        """What was claimed is in hand until it is settled; the rest of its answer's room is free again."""
        self._text.release(ANSWER_TEXT - sum(claim.weight for claim in claimed.claims))
