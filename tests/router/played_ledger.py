"""A ledger that keeps its rows in memory: enough of the contract for the router to be shown."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc.aio

from pulse.common.v1.enums_pb2 import Priority, Status
from pulse.common.v1.limit_pb2 import Limit
from pulse.ledger.v1 import ledger_service_pb2 as calls
from pulse.ledger.v1.ledger_reader_pb2 import ListLimitsResponse
from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderServicer, add_LedgerReaderServicer_to_server
from pulse.ledger.v1.ledger_service_pb2_grpc import LedgerServiceServicer, add_LedgerServiceServicer_to_server
from pulse.ledger.v1.records_pb2 import (
    ClaimedNotification,
    Entry,
    KeyUse,
    NotificationRef,
    ProviderAllowance,
    RecordResult,
)
from shared.errors import Code, PulseError
from shared.rpc.serving import OPTIONS, Guard
from shared.rpc.statuses import to_status
from shared.times import from_duration, to_duration


@dataclass
class Row:
    """One recorded notification."""

    entry: Entry
    drawable_at: float
    recorded_at: float
    claimed: bool = False


def _allowed(due: Iterable[Row], allowances: dict[str, int]) -> Iterator[Row]:
    """Those that their first provider may be given."""
    for row in due:
        provider = row.entry.route[0]
        if provider not in allowances:
            yield row
        elif allowances[provider]:
            allowances[provider] -= 1
            yield row


class PlayedLedger(LedgerServiceServicer, LedgerReaderServicer):
    """Records, looks keys up, draws, claims for who waits, and tells limits, as the real one does."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.keys: dict[tuple[str, str], tuple[bytes, str]] = {}
        self.batches: list[int] = []
        self.arrived = 0
        self.draws: Counter[str] = Counter()
        self.drawn: list[tuple[float, str]] = []  # when, and for which provider
        self.failure: PulseError | None = None
        self.limits: dict[tuple[str, int, str], Limit] = {}
        self.revision = 0
        self.told = 0
        self.status = Status.QUEUED
        self.claims = True  # for workers that wait
        self.reads_asked = True  # a ledger of the release before does not
        self.open = asyncio.Event()
        self.open.set()
        self.redispatch_s = 0.5
        self.address = ""
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Serves on the port it had before, or on any free one."""
        self._server = grpc.aio.server(interceptors=[Guard()], options=OPTIONS)
        add_LedgerServiceServicer_to_server(self, self._server)
        add_LedgerReaderServicer_to_server(self, self._server)
        port = self._server.add_insecure_port(self.address or "127.0.0.1:0")
        self.address = f"127.0.0.1:{port}"
        await self._server.start()

    async def stop(self) -> None:
        """Goes away; its rows stay."""
        if self._server is not None:
            await self._server.stop(0)

    async def Record(self, request: Any, context: Any) -> Any:
        self.arrived += 1
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        self.batches.append(len(request.entries))
        claimant = request.claimant if request.HasField("claimant") and self.claims else None
        results = [self._record(entry, claimant) for entry in request.entries]
        return calls.RecordResponse(results=results, reads_asked=self.reads_asked)

    async def LookupKeys(self, request: Any, context: Any) -> Any:
        if self.failure is not None:
            raise self.failure
        return calls.LookupKeysResponse(
            results=[self._known(use, use.tenant_id) or RecordResult() for use in request.uses]
        )

    async def Draw(self, request: Any, context: Any) -> Any:
        if self.failure is not None:
            raise self.failure
        self.draws[Priority.Name(request.lane)] += 1
        now = time.monotonic()
        due = [
            row
            for row in self.rows.values()
            if not row.claimed and row.drawable_at <= now and row.entry.lane == request.lane
        ]
        drawn = list(_allowed(due, {one.provider: one.count for one in request.allowances}))
        more = len(drawn) > request.limit
        for row in drawn[: request.limit]:
            row.drawable_at = now + from_duration(request.redispatch_after)
            self.drawn.append((time.monotonic(), row.entry.route[0]))
        used = Counter(row.entry.route[0] for row in drawn[: request.limit])
        return calls.DrawResponse(
            refs=[row.entry.ref for row in drawn[: request.limit]],
            more=more,
            used=[ProviderAllowance(provider=one.provider, count=used[one.provider]) for one in request.allowances],
        )

    async def ListLimits(self, request: Any, context: Any) -> Any:
        if self.failure is not None:
            raise self.failure
        self.told += 1
        known = request.known_revision == self.revision
        return ListLimitsResponse(limits=() if known else self.limits.values(), revision=self.revision)

    def set_limit(
        self, kind: str, amount: int, seconds: float | None = 60, *, subject: str = "", tenant: str = ""
    ) -> None:
        """An operator sets a limit."""
        number = Limit.Kind.Value(kind)
        window = None if seconds is None else to_duration(seconds)
        self.limits[tenant, number, subject] = Limit(
            kind=number, subject=subject, amount=amount, window=window, tenant_id=tenant
        )
        self.revision += 1

    def delete_limits(self) -> None:
        """An operator takes all of them back."""
        self.limits.clear()
        self.revision += 1

    def fill(self, count: int, lane: str = "LOW", provider: str = "smtp") -> list[str]:
        """Puts a backlog of due rows in; returns their ids."""
        ids = [f"00000000-0000-7000-8000-{number:012d}" for number in range(len(self.rows), len(self.rows) + count)]
        for one in ids:
            ref = NotificationRef(tenant_id="acme", notification_id=one)
            entry = Entry(ref=ref, lane=Priority.Value(lane), route=[provider])
            self.rows[one] = Row(entry, 0.0, time.monotonic())
        return ids

    def claim(self, ids: list[str]) -> None:
        """Takes rows out of what can be drawn."""
        for one in ids:
            self.rows[one].claimed = True

    def _record(self, entry: Entry, claimant: calls.Claimant | None) -> RecordResult:
        known = self._known(_use(entry), entry.ref.tenant_id) if entry.asked.idempotency_key else None
        if known is not None:
            return known
        now = time.monotonic()
        later = entry.HasField("not_before")
        drawable_at = now + 3600 if later else now + (self.redispatch_s if entry.dispatched else 0)
        own_id = entry.ref.notification_id
        self.rows[own_id] = Row(entry, drawable_at, now)
        if entry.asked.idempotency_key:
            self.keys[entry.ref.tenant_id, entry.asked.idempotency_key] = (entry.fingerprint, own_id)
        result = RecordResult(notification_id=own_id, status=Status.SCHEDULED if later else self.status)
        if claimant is not None and entry.claim_at_once:
            self.rows[own_id].claimed = True
            result.claimed.CopyFrom(
                ClaimedNotification(ref=entry.ref, fence=1, provider=entry.route[0], traceparent=entry.traceparent)
            )
        return result

    def _known(self, use: KeyUse, tenant_id: str) -> RecordResult | None:
        fingerprint, first = self.keys.get((tenant_id, use.idempotency_key), (b"", ""))
        if not first:
            return None
        if fingerprint != use.fingerprint:
            other = PulseError(Code.ALREADY_EXISTS, "IDEMPOTENCY_KEY_REUSED", "the key was used for another request")
            return RecordResult(error=to_status(other))
        return RecordResult(notification_id=first, status=Status.QUEUED, replayed=True)


def _use(entry: Entry) -> KeyUse:
    return KeyUse(idempotency_key=entry.asked.idempotency_key, fingerprint=entry.fingerprint)
