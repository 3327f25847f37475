"""Moves deliveries: holds them, asks the rules, writes what they say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple, TypeVar

from services.ledger.draw.bounded_providers import Bounds
from services.ledger.move import address_rejections, digest_heirs
from services.ledger.move.address_rejections import Rejected, Source, rejected
from services.ledger.move.batch_state import Held, decided
from services.ledger.move.content import CONTENT, Content, with_digests
from services.ledger.postgres import rows, sql
from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.read.timelines import Place
from services.ledger.read.watchers import Watchers
from services.ledger.rules import (
    claims,
    deferrals,
    operator_actions,
    provider_states,
    receipts,
    retry_times,
    settlements,
)
from services.ledger.rules.claims import Claim
from services.ledger.rules.delivery import Change, Delivery, Ref
from services.ledger.rules.provider_choice import Providers
from services.ledger.rules.receipts import Receipt
from services.ledger.rules.recipient_gate import Recipient, RecipientGate, recipient
from services.ledger.rules.recipients import Rejection
from services.ledger.rules.retry import Random, RetryPolicies
from services.ledger.rules.settlements import Settlement
from services.ledger.rules.states import TERMINAL, Status
from services.ledger.stores import digests, newest_templates, provider_store
from services.ledger.stores.newest_templates import Versions
from services.ledger.stores.receipt_delays import ReceiptDelays
from shared.clock import Clock
from shared.errors import PulseError

Result = TypeVar("Result")
Rows = Sequence[tuple[Any, ...]]
Finish = Callable[[Connection, Result, Sequence[Change]], Awaitable[Result]]


class Claimed(NamedTuple):
    """What a worker may send now, and what it may ask for at once, as this answer has no room for it."""

    deliveries: list[tuple[Delivery, Content]]
    left: list[Ref]


class Settled(NamedTuple):
    """Whether a settlement or receipt changed anything, and where the delivery stands; None: there is none."""

    applied: bool
    status: Status | None


class Told(NamedTuple):
    """What became of what was told, and what is to be remembered of it."""

    settled: list[Settled]
    rejected: list[Rejected]

    def take(self, rejected: Rejected | None) -> None:
        """Adds what a provider's word on an address means."""
        if rejected is not None:
            self.rejected.append(rejected)


class Mover:
    """Every change of state after acceptance goes through here."""

    def __init__(
        self,
        postgres: Postgres,
        clock: Clock,
        policies: RetryPolicies,
        watchers: Watchers,
        jitter: Random,
        delays: ReceiptDelays,
        bounds: Bounds,
        critical: frozenset[str] = frozenset(),
    ) -> None:
        self._postgres = postgres
        self._clock = clock
        self._policies = policies
        self._watchers = watchers
        self._jitter = jitter
        self._delays = delays
        self._bounds = bounds
        self._critical = critical
        #: When claims were last made, operators kept something from being called.
        self._kept_shut = False

    async def expire(self, refs: Collection[Ref]) -> None:
        """Ends those of ``refs`` whose time to live is over."""

        def rules(held: Held, _: Sequence[Rows], now: dt.datetime) -> None:
            for delivery in held:
                rule, otherwise = partial(claims.decide_expiry, now=now), partial(deferrals.undecidable, now=now)
                held.take(decided(delivery, rule, otherwise))

        await self._transact(refs, rules, finish=_close_digests)

    async def claim(
        self,
        refs: Collection[Ref],
        worker: str,
        lease: dt.timedelta,
        avoided: Iterable[str] = (),
        avoided_for: Iterable[tuple[str, str]] = (),
    ) -> Claimed:
        """What ``worker`` may send until ``lease`` is over, by providers that it need not avoid.

        ``avoided_for`` are tenants with providers that it must avoid for them. The intent of each attempt is
        committed. Nothing is of what one answer does not hold, which is one at the least. What operators decided
        counts from the moment it is.
        """
        slow, avoided, avoided_for = await self._delays.slow(), frozenset(avoided), frozenset(avoided_for)

        def rules(held: Held, more: Sequence[Rows], now: dt.datetime) -> Claimed:
            found, controlled, *resting_ = more
            contents = {(row[0], row[1]): Content._make(row) for row in found}
            gate = RecipientGate(_recipients(contents), self._critical, now)
            controls = provider_store.controls(controlled)
            self._kept_shut = provider_states.keep_any_shut(controls)
            rests = retry_times.rests(resting_[0] if resting_ else ())
            providers = Providers(avoided, controls, slow, rests, avoided_for)
            claim = Claim(worker, now + lease, providers, self._jitter, self._bounds.providers, gate.notes)
            rule, otherwise = _claiming(claim, now, gate), partial(deferrals.undecidable, now=now)
            claimed = Claimed([], [])
            for delivery in held:
                change, content = decided(delivery, rule, otherwise), contents.get(delivery.ref)
                if change is None or change.delivery.status is not Status.SENDING or content is None:
                    held.take(change)
                elif content.context_json is None:
                    claimed.left.append(delivery.ref)
                else:
                    held.take(change)
                    claimed.deliveries.append(_addressed(change.delivery, content, gate))
            return claimed

        also = [CONTENT, provider_store.CONTROLS]
        if avoided or avoided_for or slow or self._kept_shut:
            # Only who is led past a provider can meet one that does not want to be called yet.
            also.append(sql.RESTS)
        return await self._transact(refs, rules, also, finish=_with_digests)

    async def settle(self, batch: Sequence[Settlement]) -> list[Settled]:
        """What became of each settlement, in their order."""
        rejecting = any(settlement.rejection for settlement in batch)
        retrying = any(settlement.ending.outcome in settlements.RETRIED for settlement in batch)

        def rules(held: Held, more: Sequence[Rows], now: dt.datetime) -> Told:
            sources = {source.ref: source for source in map(Source._make, more[0] if rejecting else ())}
            rests = retry_times.rests(more[-1] if retrying else ())
            told = Told([], [])
            for settlement in batch:
                delivery, source = held.get(settlement.ref), sources.get(settlement.ref)
                if delivery is None:
                    told.settled.append(Settled(False, None))
                    continue
                lost = settlement.rejection in (Rejection.GONE, Rejection.REFUSED)
                another = source.another_device(delivery) if lost and source is not None else None
                asked = rests.get(settlement.ref, retry_times.NO_RESTS)
                rule = partial(
                    settlements.decide,
                    settlement=settlement,
                    now=now,
                    policies=self._policies,
                    random=self._jitter,
                    another_device=another,
                    rests=asked,
                )
                applied = held.take(decided(delivery, rule))
                if applied and settlement.rejection and source is not None:
                    told.take(rejected(delivery, source, settlement.rejection, delivery.provider))
                told.settled.append(Settled(applied, _delivery(held, settlement.ref).status))
            return told

        refs = [settlement.ref for settlement in batch]
        also = [address_rejections.SOURCES] if rejecting else []
        if retrying:
            also.append(sql.RESTS)
        told: Told = await self._transact(refs, rules, also, finish=self._remember)
        return told.settled

    async def receive(self, batch: Sequence[Receipt]) -> list[Settled]:
        """What became of each receipt, in their order."""
        rejecting = any(receipt.rejection for receipt in batch)

        def rules(held: Held, more: Sequence[Rows], now: dt.datetime) -> Told:
            reported, *rest = more
            sources = {source.ref: source for source in map(Source._make, rest[0] if rest else ())}
            known = {((row[0], row[1]), row[2] or "", row[3] or "", Status(row[4])) for row in reported}
            told = Told([], [])
            for receipt in batch:
                delivery, source = held.get(receipt.ref), sources.get(receipt.ref)
                rule = partial(receipts.decide, receipt=receipt, known=known, now=now)
                applied = delivery is not None and held.take(decided(delivery, rule))
                known.add(receipt.identity)
                if applied and delivery is not None and receipt.rejection and source is not None:
                    told.take(rejected(delivery, source, receipt.rejection, receipt.provider))
                told.settled.append(Settled(applied, delivery and _delivery(held, receipt.ref).status))
            return told

        also = (sql.RECEIPTS, address_rejections.SOURCES) if rejecting else (sql.RECEIPTS,)
        refs = [receipt.ref for receipt in batch]
        told: Told = await self._transact(refs, rules, also, finish=self._remember)
        return told.settled

    async def acknowledge(self, ref: Ref, actor: str) -> bool:
        """Says that the recipient has it; False if there is none.

        Raises FAILED_PRECONDITION.
        """
        return await self._each([ref], lambda delivery, now, _: operator_actions.acknowledge(delivery, actor, now))

    async def cancel(self, ref: Ref, actor: str) -> bool:
        """Takes a delivery back; False if there is none. Raises FAILED_PRECONDITION."""
        return await self._each([ref], lambda delivery, now, _: operator_actions.cancel(delivery, actor, now))

    async def replay(self, ref: Ref, actor: str, *, newest: bool = False) -> bool:
        """Makes a dead letter due; False if there is none. Raises FAILED_PRECONDITION.

        ``newest``: with the newest version of its template, if that is in use.
        """
        versions: dict[Ref, Versions] = {}

        def rule(delivery: Delivery, now: dt.datetime, more: Sequence[Rows]) -> Change:
            versions.clear()  # what a transaction found that is done again does not count
            versions.update(newest_templates.found(more[0] if more else ()))
            return operator_actions.replay(delivery, actor, now, decisions=[one.decision for one in versions.values()])

        async def finish(connection: Connection, found: Any, changes: Sequence[Change]) -> Any:
            if changes:
                await newest_templates.take(connection, versions)
            return await _close_digests(connection, found, changes)

        return await self._each([ref], rule, [newest_templates.VERSIONS] if newest else (), finish)

    async def _each(
        self,
        refs: Collection[Ref],
        rule: Callable[[Delivery, dt.datetime, Sequence[Rows]], Change | None],
        also: Sequence[str] = (),
        finish: Finish[Any] | None = None,
    ) -> bool:
        """Applies one rule to each of ``refs``, with the rows of ``also``; False if there is none of them."""

        def rules(held: Held, more: Sequence[Rows], now: dt.datetime) -> bool | PulseError:
            deliveries = list(held)
            for delivery in deliveries:
                try:
                    held.take(rule(delivery, now, more))
                except PulseError as refusal:
                    return refusal  # raised once the transaction is over, which is no failure
            return bool(deliveries)

        found: bool | PulseError = await self._transact(
            refs, rules, also, finish or _close_digests, ask_for_tellers=True
        )
        if isinstance(found, PulseError):
            raise found
        return found

    async def _transact(
        self,
        refs: Collection[Ref],
        rules: Callable[[Held, Sequence[Rows], dt.datetime], Result],
        also: Sequence[str] = (),
        finish: Finish[Result] | None = None,
        *,
        ask_for_tellers: bool = False,
    ) -> Result:
        """Holds ``refs``, lets ``rules`` change them and writes the changes, in one transaction of two round trips.

        It takes one more where something ends unsent, which may have been to tell a digest; ``ask_for_tellers`` asks
        first whether it was, and spares that one. Few are: to ask pays where ends are what is to be made.

        ``also`` are statements, over the same references if they name any, whose rows the rules want. ``finish`` does
        what further is to be done with what the rules gave. The rules' time is that at which the references were held:
        whoever had to wait for another's change comes after it in the timeline too.
        """
        batch = {"refs": rows.refs(refs)}

        async def work(connection: Connection) -> tuple[Result, list[Change]]:
            holding = await connection.execute(sql.HOLD, batch)
            further = [await connection.execute(statement, batch) for statement in also]
            telling = await connection.execute(digests.TELLERS, batch) if ask_for_tellers else None
            held = Held([rows.delivery(row) for row in await holding.fetchall()])
            more = [await cursor.fetchall() for cursor in further]
            may_tell = telling is None or bool(await telling.fetchall())
            now = self._clock.now()
            result = rules(held, more, now)
            changes = held.changes()
            if may_tell:
                changes = await digest_heirs.arrange(connection, changes, now)
            if changes:
                await connection.execute(sql.CHANGE, rows.written(changes, now))
            if finish is not None:
                result = await finish(connection, result, changes)
            return result, changes

        result, changes = await self._postgres.write(work, pipelined=True)
        self._watchers.wake(Place(change.delivery.ref, change.delivery.revision) for change in changes)
        return result

    async def _remember(self, connection: Connection, told: Told, _: Sequence[Change]) -> Told:
        """Writes down what providers said of addresses."""
        if told.rejected:
            await address_rejections.remember(connection, told.rejected, self._clock.now())
        return told


def _delivery(held: Held, ref: Ref) -> Delivery:
    """One that is known to be held."""
    delivery = held.get(ref)
    assert delivery is not None  # noqa: S101 -- the caller has just found it
    return delivery


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


def _recipients(contents: Mapping[Ref, Content]) -> Callable[[Ref], Recipient | None]:
    """Each is made of its row when it is asked for, so that a row that nothing can be made of concerns nobody else."""

    @cache
    def find(ref: Ref) -> Recipient | None:
        return _recipient(contents[ref]) if ref in contents else None

    return find


def _recipient(content: Content) -> Recipient:
    return recipient(
        content.category,
        content.recipient,
        content.preferences,
        content.suppressions,
        content.device_token_id,
        content.device_token,
    )


def _addressed(delivery: Delivery, content: Content, gate: RecipientGate) -> tuple[Delivery, Content]:
    """With the recipient of the channel it goes by now."""
    return delivery, content._replace(recipient=gate.address(delivery))


async def _with_digests(connection: Connection, claimed: Claimed, changes: Sequence[Change]) -> Claimed:
    """With all that was collected in the contexts of those that tell it; nothing more is."""
    contents = [content for _, content in claimed.deliveries]
    await _close_digests(connection, claimed, changes, [one.ref for one in contents if one.tells_digest])
    contexts = await with_digests(connection, contents)
    if not contexts:
        return claimed
    told = [
        (delivery, one._replace(context_json=contexts.get(one.ref, one.context_json)))
        for delivery, one in claimed.deliveries
    ]
    return claimed._replace(deliveries=told)


async def _close_digests(
    connection: Connection, result: Result, changes: Sequence[Change], heads: Iterable[Ref] = ()
) -> Result:
    """Nothing more is collected for ``heads``, nor for what ended before it was sent."""
    ended = [change.delivery.ref for change in changes if change.delivery.status in TERMINAL]
    if closing := [*heads, *ended]:
        await digests.close(connection, closing)
    return result
