"""OperationsService's part on limits: whose they are is decided here, what they may be by the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf import empty_pb2

from pulse.common.v1 import limit_pb2
from pulse.gateway.v1 import operations_service_pb2 as api
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2
from services.gateway import wire
from services.gateway.door.auth import Caller
from services.gateway.door.calls import Context, Entry
from services.gateway.peers import ask
from services.gateway.rules import limit_rules
from services.gateway.rules.nul import refuse_nul
from shared.errors import not_found
from shared.rpc.validation import check

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_admin_pb2_grpc import LedgerAdminAsyncStub
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub


class LimitOperations:
    """A tenant's operators set its own limits, platform administrators those of others and of all."""

    _entry: Entry
    _reader: LedgerReaderAsyncStub
    _admin: LedgerAdminAsyncStub

    async def ListLimits(self, request: api.ListLimitsRequest, context: Context) -> api.ListLimitsResponse:
        caller = self._entry.caller(context, "operate")
        check(request)
        tenant_id = _tenant(caller, request.tenant_id, "tenant_id")
        listed = await ask(self._reader.ListLimits, ledger_reader_pb2.ListLimitsRequest(tenant_id=tenant_id))
        return api.ListLimitsResponse(limits=listed.limits)

    async def SetLimit(self, request: api.SetLimitRequest, context: Context) -> limit_pb2.Limit:
        caller = self._entry.caller(context, "operate")
        check(request)
        given = request.limit
        limit = limit_pb2.Limit(
            kind=given.kind, subject=given.subject, amount=given.amount, window=wire.length(given, "window")
        )
        limit.tenant_id = _owner(caller, limit_pb2.Limit.Kind.Name(given.kind), given.tenant_id, "limit.tenant_id")
        inner = ledger_admin_pb2.SetLimitRequest(limit=limit, actor=caller.actor)
        return (await ask(self._admin.SetLimit, inner)).limit

    async def DeleteLimit(self, request: api.DeleteLimitRequest, context: Context) -> empty_pb2.Empty:
        caller = self._entry.caller(context, "operate")
        check(request)
        kind = limit_rules.kind_of(request.limit_id)
        if kind is None:
            raise not_found("limit", request.limit_id)
        tenant_id = _owner(caller, kind, request.tenant_id, "tenant_id")
        inner = ledger_admin_pb2.DeleteLimitRequest(tenant_id=tenant_id, limit_id=request.limit_id)
        await ask(self._admin.DeleteLimit, inner)
        return empty_pb2.Empty()


def _owner(caller: Caller, kind: str, named: str, field: str) -> str:
    """The tenant a limit is stored for, "" for all; PERMISSION_DENIED if the caller may not set it."""
    if kind not in limit_rules.FOR_TENANTS:
        caller.require("administer")
    if kind in limit_rules.OF_ALL and not named:
        return ""
    return _tenant(caller, named, field)


def _tenant(caller: Caller, named: str, field: str) -> str:
    """The caller's own tenant or, for platform administrators, another; "" where "*" is named."""
    if named in ("", caller.tenant_id):
        return caller.tenant_id
    caller.require("administer")
    refuse_nul(field, "TENANT_NUL", named)
    return "" if named == limit_rules.EVERYBODY else named
