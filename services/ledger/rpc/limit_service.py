"""The limits' part of LedgerAdmin and LedgerReader: converts, calls, converts back."""

from __future__ import annotations

from typing import Any

from pulse.common.v1 import limit_pb2
from pulse.ledger.v1 import ledger_admin_pb2, ledger_admin_pb2_grpc, ledger_reader_pb2, ledger_reader_pb2_grpc
from services.ledger.rpc import wire
from services.ledger.rules.limits import Kind, Limit, violations
from services.ledger.stores.limit_store import LimitStore
from shared.errors import Violation, invalid, not_found
from shared.rpc.validation import check
from shared.times import from_duration, to_duration, to_timestamp

_FROM_KIND = {limit_pb2.Limit.Kind.Value(kind.value): kind for kind in Kind.known()}
_TO_KIND = {kind: number for number, kind in _FROM_KIND.items()}


class LimitWrites(ledger_admin_pb2_grpc.LedgerAdminServicer):
    """Sets and forgets limits."""

    _limits: LimitStore

    async def SetLimit(
        self, request: ledger_admin_pb2.SetLimitRequest, context: Any
    ) -> ledger_admin_pb2.SetLimitResponse:
        check(request)
        limit = _limit_of(request.limit)._replace(actor=wire.clean(request.actor))
        if found := list(violations(limit)):
            raise invalid([Violation(f"limit.{one.field}", one.description) for one in found])
        return ledger_admin_pb2.SetLimitResponse(limit=to_limit(await self._limits.set(limit)))

    async def DeleteLimit(
        self, request: ledger_admin_pb2.DeleteLimitRequest, context: Any
    ) -> ledger_admin_pb2.DeleteLimitResponse:
        check(request)
        if not await self._limits.delete(request.tenant_id, request.limit_id):
            raise not_found("LIMIT", request.limit_id)
        return ledger_admin_pb2.DeleteLimitResponse()


class LimitReads(ledger_reader_pb2_grpc.LedgerReaderServicer):
    """Lists limits."""

    _limits: LimitStore

    async def ListLimits(
        self, request: ledger_reader_pb2.ListLimitsRequest, context: Any
    ) -> ledger_reader_pb2.ListLimitsResponse:
        check(request)
        known = request.known_revision
        is_page = bool(request.page_size) and not request.tenant_id
        if is_page:
            listed = await self._limits.changed(known, request.page_size)
        else:
            listed = await self._limits.list(request.tenant_id, known)
        return ledger_reader_pb2.ListLimitsResponse(
            limits=[to_limit(one) for one in listed.limits],
            revision=listed.revision,
            deleted=[limit_pb2.Limit(tenant_id=one.tenant_id, limit_id=one.limit_id) for one in listed.deleted],
            more=listed.more,
            is_page=is_page,
        )


def to_limit(limit: Limit) -> limit_pb2.Limit:
    """As callers get it."""
    return limit_pb2.Limit(
        limit_id=limit.limit_id,
        kind=_TO_KIND.get(limit.kind, limit_pb2.Limit.KIND_UNSPECIFIED),
        subject=limit.subject,
        amount=limit.amount,
        window=to_duration(limit.window) if limit.window else None,
        actor=limit.actor,
        update_time=to_timestamp(limit.updated_at),
        tenant_id=limit.tenant_id,
    )


def _limit_of(message: limit_pb2.Limit) -> Limit:
    """One that the contract's own rules let through."""
    return Limit(
        message.tenant_id, _FROM_KIND[message.kind], message.subject, message.amount, from_duration(message.window)
    )
