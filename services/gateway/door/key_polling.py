"""Asks the ledger for API keys again and again, so that a revoked one is refused within seconds.

Each time only for what changed since, a page after the other, however many keys there are.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pulse.ledger.v1 import ledger_reader_pb2
from services.gateway.door.accepted_keys import AcceptedKeys
from services.gateway.door.auth import ApiKey, Caller
from shared.errors import PulseError
from shared.observe.logs import logger
from shared.repeating import repeat
from shared.rpc import channels
from shared.times import from_timestamp

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

#: Longest wait for an answer, s: also how long a start waits for a ledger that is away.
_ANSWER_SECONDS = 3.0
#: Keys asked for at once.
_PAGE = 1_000

log = logger(__name__)


class KeyPolling:
    """Keeps :class:`AcceptedKeys` up to date. What was told last holds while the ledger is away, until it is stale."""

    def __init__(self, reader: LedgerReaderAsyncStub, keys: AcceptedKeys, seconds: float) -> None:
        self._reader = reader
        self._keys = keys
        self._seconds = seconds
        self._revision = 0
        self._away = False
        self._polling: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when the keys are known, or the ledger was not to be reached."""
        await self._poll()
        self._polling = asyncio.create_task(
            repeat("asking for API keys", self._poll, self._seconds, first=self._seconds)
        )

    async def stop(self) -> None:
        """Asks no more."""
        if self._polling:
            self._polling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._polling

    async def _poll(self) -> None:
        try:
            while await self._ask():
                pass
        except Exception as error:  # whatever it is, the next question may be answered
            if not self._away:
                reason = error.reason if isinstance(error, PulseError) else type(error).__name__
                log.warning("the ledger does not tell its API keys; those known go on for a while", reason=reason)
            self._away = True
            return
        self._away = False
        self._keys.told()

    async def _ask(self) -> bool:
        """Asks for one page; True if there is another."""
        request = ledger_reader_pb2.ListKeysRequest(known_revision=self._revision, page_size=_PAGE)
        answer = await channels.call(self._reader.ListKeys, request, _ANSWER_SECONDS)
        if answer.revision < self._revision:  # the database was replaced: all over again
            self._revision = 0
            self._keys.clear()
            return True
        if not answer.is_page and (answer.revision != self._revision or not self._keys.complete):
            self._keys.clear()
        self._keys.change(_keys(record for record in answer.keys if not record.key.HasField("revoke_time")))
        self._keys.forget(record.key.key_id for record in answer.keys if record.key.HasField("revoke_time"))
        self._revision = answer.revision
        return answer.more


def _keys(records: Iterable[ledger_reader_pb2.KeyRecord]) -> list[ApiKey]:
    """Those that can be read; one that cannot is refused, and keeps no other from being known or revoked."""
    read = []
    for record in records:
        try:
            read.append(_key(record))
        except (ValueError, OverflowError) as error:
            log.error("an API key cannot be read", key_id=record.key.key_id, kind=type(error).__name__)
    return read


def _key(record: ledger_reader_pb2.KeyRecord) -> ApiKey:
    key = record.key
    expires_at = from_timestamp(key.expire_time) if key.HasField("expire_time") else None
    caller = Caller(key.tenant_id, key.name, frozenset(key.scopes), expires_at=expires_at, key_id=key.key_id)
    return ApiKey(caller, record.digest, key.key_id, expires_at)
