"""Claims: what a worker may send now, with the intent of each attempt committed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache, partial
from typing import NamedTuple

from services.ledger.draw.bounded_providers import BoundedProviders
from services.ledger.move import content
from services.ledger.move.batch_state import BatchState, decided
from services.ledger.move.content import ClaimedDevice, Content
from services.ledger.move.transaction import Found, Read, Rows, Step, Transactions, close_digests
from services.ledger.postgres.postgres import Connection
from services.ledger.rules import claims, deferrals, recipients
from services.ledger.rules.claims import Claim
from services.ledger.rules.delivery import Change, Delivery, Ref
from services.ledger.rules.devices import LiveDevice, live, restored
from services.ledger.rules.provider_choice import Providers
from services.ledger.rules.provider_states import Controls
from services.ledger.rules.recipient_gate import Recipient, RecipientGate
from services.ledger.rules.recipients import MOST_DEVICES, Profile
from services.ledger.rules.retry import Random
from services.ledger.rules.states import Status
from services.ledger.stores import provider_store
from services.ledger.stores.receipt_delays import ReceiptDelays


class Claimed(NamedTuple):
    """What a worker may send now, and what it may ask for at once, as this answer has no room for it."""

    deliveries: list[tuple[Delivery, Content]]
    left: list[Ref]


class Claimant(NamedTuple):
    """A worker, how long it holds what it is given, and what it must not call: providers, and providers of tenants."""

    worker: str
    lease: dt.timedelta
    avoided: Collection[str] = ()
    avoided_for: Collection[tuple[str, str]] = ()
    #: It takes several devices of one notification; else it is given the one registered last.
    several: bool = False


#: Whether what was asked for, as it is kept, is only for the device registered last.
ForLatest = Callable[[bytes], bool]
#: Finds out who a notification is for; None: nobody knows.
Find = Callable[[Ref], Recipient | None]


def _contents(rows: Rows) -> dict[Ref, Content]:
    return {(row[0], row[1]): Content(*row) for row in rows}


_CONTENTS = Read(content.CONTENT, _contents)
#: What operators decided, as every claim reads it.
CONTROLS = Read(provider_store.CONTROLS, provider_store.controls)


class Claimer:
    """Gives deliveries to workers. What operators decided counts from the moment it is."""

    def __init__(
        self,
        transactions: Transactions,
        *,
        delays: ReceiptDelays,
        bounds: BoundedProviders,
        random: Random,
        for_latest: ForLatest,
        critical: frozenset[str] = frozenset(),
    ) -> None:
        self._for_latest = for_latest
        self._transactions = transactions
        self._delays = delays
        self._bounded = bounds
        self._random = random
        self._critical = critical

    async def claim(self, refs: Collection[Ref], claimant: Claimant) -> Claimed:
        """What the worker may send of ``refs``: as much as one answer holds, which is one at the least."""
        claimed: Claimed
        (claimed,) = await self._transactions.run_all([self.step(refs, claimant)])
        return claimed

    def step(self, refs: Collection[Ref], claimant: Claimant) -> Step[Claimed]:
        """The same, as a step of a transaction."""
        return Step(refs, partial(self._decide, refs, claimant), [_CONTENTS, CONTROLS], _with_digests)

    def decide_first(
        self, claimant: Claimant, held: BatchState, find: Find, controls: Controls, now: dt.datetime
    ) -> list[tuple[Delivery, Target]]:
        """What of deliveries that are just being recorded the worker may send at once, by its route's first provider,
        and where each goes; all else is left as it is recorded.
        """
        claim, gate = self._begin(claimant, find, controls, now)
        claimed = []
        for delivery in filter(claims.may_be_first, held):
            change = decided(delivery, partial(claims.decide, claim=claim, now=now, gate=gate))
            if change is not None and claims.goes_straight(change.delivery):
                held.take(change)
                claimed.append((change.delivery, _target(change, gate)))
        return claimed

    def recipient(
        self,
        claimant: Claimant,
        category: str,
        address: str,
        profile: Profile,
        devices: Sequence[LiveDevice],
        asked: bytes | None,
    ) -> Recipient:
        """Who a notification is for, with as many of the user's devices as it is to go to."""
        if len(devices) > 1 and (not claimant.several or (asked is not None and self._for_latest(asked))):
            devices = devices[:1]
        return Recipient(category, address, profile, devices[:MOST_DEVICES])

    def _begin(
        self, claimant: Claimant, find: Find, controls: Controls, now: dt.datetime
    ) -> tuple[Claim, RecipientGate]:
        """What a claim goes by, and what its recipients want."""
        gate = RecipientGate(find, self._critical, now)
        slow, avoided_for = self._delays.known(), frozenset(claimant.avoided_for)
        providers = Providers(frozenset(claimant.avoided), controls, slow, avoided_for)
        until, bounded = now + claimant.lease, self._bounded.providers
        claim = Claim(
            claimant.worker, until, providers, self._random, bounded, gate.devices, claimant.several, gate.kinds
        )
        return claim, gate

    def _decide(
        self,
        refs: Collection[Ref],
        claimant: Claimant,
        held: BatchState,
        found: Found,
        now: dt.datetime,
    ) -> Claimed:
        contents = found[_CONTENTS]
        claim, gate = self._begin(claimant, self._recipients(claimant, contents), found[CONTROLS], now)
        rule, otherwise = _claiming(claim, now, gate), partial(deferrals.undecidable, now=now)
        claimed = Claimed([], [])
        for delivery in held.among(refs):
            change, its_content = decided(delivery, rule, otherwise), contents.get(delivery.ref)
            if change is None or change.delivery.status is not Status.SENDING or its_content is None:
                held.take(change)
            elif its_content.context_json is None:
                claimed.left.append(delivery.ref)
            else:
                held.take(change)
                target = _target(change, gate)
                claimed.deliveries.append((change.delivery, target.on(its_content)))
        return claimed

    def _recipients(self, claimant: Claimant, contents: Mapping[Ref, Content]) -> Find:
        """Each is made of its row when it is asked for: a row that nothing can be made of concerns nobody else."""

        @cache
        def find(ref: Ref) -> Recipient | None:
            its = contents.get(ref)
            if its is None:
                return None
            profile = recipients.profile(its.preferences, its.suppressions)
            devices = live(its.devices) if its.devices else ()
            return self.recipient(claimant, its.category, its.recipient, profile, devices, its.asked)

        return find


class Target(NamedTuple):
    """Where an attempt goes: to an address, or to several devices."""

    address: str
    devices: Sequence[ClaimedDevice] = ()

    def on(self, content: Content) -> Content:
        """``content`` with it, which is as good as always where it went at first."""
        if content.recipient == self.address and not self.devices:
            return content
        return content._replace(recipient=self.address, targets=self.devices)


def _target(change: Change, gate: RecipientGate) -> Target:
    """Where the attempt that ``change`` starts goes."""
    delivery, meant = change.delivery, change.events[-1].devices
    if not meant:
        return Target(gate.address(delivery))
    tokens = {one.device_token_id: one.token for one in gate.devices(delivery) or ()}
    devices = [
        ClaimedDevice(one.device_token_id, tokens[one.device_token_id], one.provider, one.outcome is not None)
        for one in map(restored, meant)
    ]
    return Target("", devices)


def _claiming(claim: Claim, now: dt.datetime, gate: RecipientGate) -> Callable[[Delivery], Change | None]:
    """The rule of one claim, which gives out few of those that may be what ends their workers."""
    suspects = 0

    def rule(delivery: Delivery) -> Change | None:
        nonlocal suspects
        suspicion = claims.suspicion(delivery)
        if suspicion and suspects + suspicion > claims.SUSPECTS:
            return claims.stand_aside(delivery, now, claim.random)
        suspects += suspicion
        return claims.decide(delivery, claim, now, gate)

    return rule


async def _with_digests(
    connection: Connection, claimed: Claimed, changes: Sequence[Change], now: dt.datetime
) -> Claimed:
    """With all that was collected in the contexts of those that tell it; nothing more is."""
    contents = [one for _, one in claimed.deliveries]
    await close_digests(connection, claimed, changes, now, [one.ref for one in contents if one.tells_digest])
    contexts = await content.with_digests(connection, contents)
    if not contexts:
        return claimed
    told = [
        (delivery, one._replace(context_json=contexts.get(one.ref, one.context_json)))
        for delivery, one in claimed.deliveries
    ]
    return claimed._replace(deliveries=told)
