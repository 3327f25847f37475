"""KeyService: API keys are made, listed, rotated and revoked by those who hold one that may."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from google.protobuf.duration_pb2 import Duration

from pulse.common.v1 import key_pb2
from pulse.gateway.v1 import key_service_pb2 as api
from pulse.gateway.v1 import key_service_pb2_grpc as api_grpc
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2
from services.gateway.door.auth import Caller
from services.gateway.door.calls import Context, Entry
from services.gateway.peers import ask
from shared import secret_keys
from shared.clock import Clock
from shared.errors import Code, PulseError, Violation, invalid, not_found
from shared.observe.logs import logger
from shared.rpc.validation import check
from shared.scopes import SCOPES
from shared.text.error_bounds import quoted
from shared.times import from_timestamp, to_timestamp

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_admin_pb2_grpc import LedgerAdminAsyncStub
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

_SCOPE = "keys"
#: How long a rotated key goes on unless the caller says, s.
_OVERLAP = 24 * 3600
#: How long a session lasts unless the caller says, s.
_SESSION = 12 * 3600

log = logger(__name__)


class KeyService(api_grpc.KeyServiceServicer):
    """The public door to API keys; each tenant sees its own, whoever administers the platform any one's."""

    def __init__(self, entry: Entry, reader: LedgerReaderAsyncStub, admin: LedgerAdminAsyncStub, clock: Clock) -> None:
        self._entry = entry
        self._reader = reader
        self._admin = admin
        self._clock = clock

    async def CreateKey(self, request: api.CreateKeyRequest, context: Context) -> api.CreateKeyResponse:
        caller = self._entry.caller(context, _SCOPE)
        check(request)
        wanted = request.key
        _refuse_unknown(wanted.scopes)
        _refuse_more_than_held(caller, wanted.scopes)
        self._refuse_past(wanted)
        _refuse_to_outlive(caller, wanted)
        key = key_pb2.ApiKey(name=wanted.name, scopes=wanted.scopes, tenant_id=_tenant(caller, wanted.tenant_id))
        if wanted.HasField("expire_time"):
            key.expire_time.CopyFrom(wanted.expire_time)
        stored, secret = await self._create(key, caller)
        return api.CreateKeyResponse(key=stored, secret=secret)

    async def ListKeys(self, request: api.ListKeysRequest, context: Context) -> api.ListKeysResponse:
        caller = self._entry.caller(context, _SCOPE)
        check(request)
        return api.ListKeysResponse(keys=await self._list(_tenant(caller, request.tenant_id)))

    async def RotateKey(self, request: api.RotateKeyRequest, context: Context) -> api.RotateKeyResponse:
        caller = self._entry.caller(context, _SCOPE)
        check(request)
        old = await self._find(_tenant(caller, request.tenant_id), request.key_id)
        self._refuse_ended(old)
        # Its secret would let the caller do what he may not do now.
        _refuse_more_than_held(caller, old.scopes)
        _refuse_to_outlive(caller, old)
        key = key_pb2.ApiKey(name=old.name, scopes=old.scopes, tenant_id=old.tenant_id)
        if old.HasField("expire_time"):
            key.expire_time.CopyFrom(old.expire_time)
        stored, secret = await self._create(key, caller)
        # Second, so that whoever is interrupted here has two keys, and never none.
        overlap = request.overlap if request.HasField("overlap") else Duration(seconds=_OVERLAP)
        await self._end(old, caller, overlap)
        return api.RotateKeyResponse(key=stored, secret=secret)

    async def RevokeKey(self, request: api.RevokeKeyRequest, context: Context) -> key_pb2.ApiKey:
        caller = self._entry.caller(context, _SCOPE)
        check(request)
        key = await self._find(_tenant(caller, request.tenant_id), request.key_id)
        _refuse_more_than_held(caller, key.scopes)
        return await self._end(key, caller, None)

    async def BeginSession(self, request: api.BeginSessionRequest, context: Context) -> api.BeginSessionResponse:
        caller = self._entry.holder(context)
        check(request)
        _refuse_session_of(caller)
        lifetime = request.lifetime if request.HasField("lifetime") else Duration(seconds=_SESSION)
        ends = self._clock.now() + lifetime.ToTimedelta()
        key = key_pb2.ApiKey(
            name=caller.actor,
            scopes=sorted(caller.scopes),
            tenant_id=caller.tenant_id,
            expire_time=to_timestamp(min(ends, caller.expires_at or ends)),
        )
        stored, secret = await self._store(key, secret_keys.make_session(caller.key_id), caller)
        return api.BeginSessionResponse(key=stored, secret=secret)

    async def EndSession(self, request: api.EndSessionRequest, context: Context) -> api.EndSessionResponse:
        caller = self._entry.holder(context)
        check(request)
        if not secret_keys.is_of_session(request.key_id):
            raise not_found("SESSION", request.key_id)
        key = await self._find(caller.tenant_id, request.key_id, "SESSION")
        if not _is_own(caller, key):
            raise not_found("SESSION", request.key_id)
        await self._end(key, caller, None)
        return api.EndSessionResponse()

    async def _create(self, key: key_pb2.ApiKey, caller: Caller) -> tuple[key_pb2.ApiKey, str]:
        return await self._store(key, secret_keys.make(of_development=caller.made_without_key), caller)

    async def _store(self, key: key_pb2.ApiKey, made: secret_keys.NewKey, caller: Caller) -> tuple[key_pb2.ApiKey, str]:
        key.key_id = made.key_id
        answer = await ask(self._admin.CreateKey, ledger_admin_pb2.CreateKeyRequest(key=key, digest=made.digest))
        log.info("API key made", key_id=key.key_id, tenant=key.tenant_id, scopes=sorted(key.scopes), actor=caller.actor)
        return answer.key, made.secret

    async def _end(self, key: key_pb2.ApiKey, caller: Caller, after: Duration | None) -> key_pb2.ApiKey:
        request = ledger_admin_pb2.EndKeyRequest(tenant_id=key.tenant_id, key_id=key.key_id, after=after)
        ended = (await ask(self._admin.EndKey, request)).key
        log.info("API key ended", key_id=ended.key_id, tenant=ended.tenant_id, actor=caller.actor)
        return ended

    async def _list(self, tenant_id: str, key_id: str = "") -> list[key_pb2.ApiKey]:
        """The tenant's newest keys, or the one of ``key_id``."""
        request = ledger_reader_pb2.ListKeysRequest(tenant_id=tenant_id, key_id=key_id)
        return [record.key for record in (await ask(self._reader.ListKeys, request)).keys]

    async def _find(self, tenant_id: str, key_id: str, what: str = "KEY") -> key_pb2.ApiKey:
        for key in await self._list(tenant_id, key_id):
            if key.key_id == key_id:
                return key
        raise not_found(what, key_id)

    def _refuse_past(self, key: key_pb2.ApiKey) -> None:
        """INVALID_ARGUMENT for an end that is no time, or has passed."""
        if not key.HasField("expire_time"):
            return
        try:
            passed = from_timestamp(key.expire_time) <= self._clock.now()
        except (ValueError, OverflowError):
            raise invalid([Violation("key.expire_time", "is no time")]) from None
        if passed:
            raise invalid([Violation("key.expire_time", "has passed")])

    def _refuse_ended(self, key: key_pb2.ApiKey) -> None:
        expired = key.HasField("expire_time") and from_timestamp(key.expire_time) <= self._clock.now()
        if key.HasField("revoke_time") or expired:
            state = "revoked" if key.HasField("revoke_time") else "expired"
            raise PulseError(
                Code.FAILED_PRECONDITION, "KEY_ENDED", f"the key is {state}", hint="make another one instead"
            )


def _tenant(caller: Caller, named: str) -> str:
    """Whose keys are meant; PERMISSION_DENIED for another tenant's, save for those who administer the platform."""
    if named in ("", caller.tenant_id):
        return caller.tenant_id
    caller.require("administer")
    if "\0" in named:
        raise invalid([Violation("tenant_id", "must not contain NUL")])
    return named


def _refuse_unknown(scopes: Iterable[str]) -> None:
    unknown = sorted(set(scopes) - SCOPES)
    if unknown:
        raise invalid([Violation("key.scopes", f"{quoted(unknown[0])} is none; there are {', '.join(sorted(SCOPES))}")])


def _refuse_to_outlive(caller: Caller, key: key_pb2.ApiKey) -> None:
    """PERMISSION_DENIED for a key that would end later than the caller's own."""
    if caller.expires_at is None:
        return
    if not key.HasField("expire_time") or from_timestamp(key.expire_time) > caller.expires_at:
        raise PulseError(
            Code.PERMISSION_DENIED,
            "KEY_OUTLIVES",
            "an API key makes none that ends later than it does itself",
            hint=f"set expire_time to {caller.expires_at.isoformat()} or earlier",
        )


def _refuse_more_than_held(caller: Caller, scopes: Iterable[str]) -> None:
    for scope in sorted(set(scopes)):
        caller.require(scope)


def _refuse_session_of(caller: Caller) -> None:
    """FAILED_PRECONDITION for who has no key of his own to begin a session by."""
    if caller.made_without_key:
        raise PulseError(Code.FAILED_PRECONDITION, "SESSION_WITHOUT_KEY", "no session is begun without an API key")
    if secret_keys.is_of_session(caller.key_id):
        message = "a session begins no other; the key that it was begun by does"
        raise PulseError(Code.FAILED_PRECONDITION, "SESSION_OF_SESSION", message)


def _is_own(caller: Caller, session: key_pb2.ApiKey) -> bool:
    """Whether it is the caller's own session, or one that the caller's key began."""
    if caller.key_id:
        return caller.key_id in (session.key_id, secret_keys.begun_by(session.key_id))
    return not secret_keys.begun_by(session.key_id) and caller.actor == session.name
