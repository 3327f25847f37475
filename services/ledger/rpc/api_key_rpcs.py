"""The API keys' part of LedgerAdmin and LedgerReader: converts, calls, converts back."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pulse.common.v1 import key_pb2
from pulse.ledger.v1 import ledger_admin_pb2, ledger_admin_pb2_grpc, ledger_reader_pb2, ledger_reader_pb2_grpc
from services.ledger.rules.api_keys import ApiKey
from services.ledger.stores.api_key_store import ApiKeyStore
from shared.errors import Code, PulseError, Violation, invalid, not_found
from shared.rpc.validation import check
from shared.times import from_timestamp, to_timestamp

#: Stands where the store puts the time.
_UNMADE = dt.datetime.min


class ApiKeyWrites(ledger_admin_pb2_grpc.LedgerAdminServicer):
    """Stores keys and ends them."""

    _api_keys: ApiKeyStore

    async def CreateKey(
        self, request: ledger_admin_pb2.CreateKeyRequest, context: Any
    ) -> ledger_admin_pb2.CreateKeyResponse:
        check(request)
        stored = await self._api_keys.create(_key_of(request))
        if stored is None:
            raise PulseError(Code.ALREADY_EXISTS, "KEY_EXISTS", f"there is a key {request.key.key_id!r} already")
        return ledger_admin_pb2.CreateKeyResponse(key=to_key(stored))

    async def EndKey(self, request: ledger_admin_pb2.EndKeyRequest, context: Any) -> ledger_admin_pb2.EndKeyResponse:
        check(request)
        after = request.after.ToTimedelta() if request.HasField("after") else None
        stored = await self._api_keys.end(request.tenant_id, request.key_id, after)
        if stored is None:
            raise not_found("KEY", request.key_id)
        return ledger_admin_pb2.EndKeyResponse(key=to_key(stored))


class ApiKeyReads(ledger_reader_pb2_grpc.LedgerReaderServicer):
    """Lists keys."""

    _api_keys: ApiKeyStore

    async def ListKeys(
        self, request: ledger_reader_pb2.ListKeysRequest, context: Any
    ) -> ledger_reader_pb2.ListKeysResponse:
        check(request)
        is_page = bool(request.page_size) and not request.tenant_id
        if is_page:
            listed = await self._api_keys.changed(request.known_revision, request.page_size)
        else:
            listed = await self._api_keys.list(request.tenant_id, request.known_revision, request.key_id)
        # Hashes are for those who check credentials, not for those who look.
        records = [
            ledger_reader_pb2.KeyRecord(key=to_key(one), digest=b"" if request.tenant_id else one.digest)
            for one in listed.keys
        ]
        return ledger_reader_pb2.ListKeysResponse(
            keys=records, revision=listed.revision, more=listed.more, is_page=is_page
        )


def to_key(key: ApiKey) -> key_pb2.ApiKey:
    """As callers get it."""
    return key_pb2.ApiKey(
        key_id=key.key_id,
        name=key.name,
        scopes=key.scopes,
        tenant_id=key.tenant_id,
        create_time=to_timestamp(key.created_at),
        expire_time=to_timestamp(key.expires_at),
        revoke_time=to_timestamp(key.revoked_at),
    )


def _key_of(request: ledger_admin_pb2.CreateKeyRequest) -> ApiKey:
    """Raises INVALID_ARGUMENT for a key without tenant or id, or whose end is no time."""
    key = request.key
    missing = [Violation(f"key.{field}", "is required") for field in ("tenant_id", "key_id") if not getattr(key, field)]
    if missing:
        raise invalid(missing)
    try:
        expires_at = from_timestamp(key.expire_time) if key.HasField("expire_time") else None
    except (ValueError, OverflowError):
        raise invalid([Violation("key.expire_time", "is no time")]) from None
    return ApiKey(key.tenant_id, key.key_id, key.name, tuple(key.scopes), request.digest, _UNMADE, expires_at)
