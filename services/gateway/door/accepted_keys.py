"""All API keys that are accepted: those of a file, and those of the ledger, as it last told them."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from services.gateway.door.auth import ApiKey
from shared import secret_keys


class AcceptedKeys:
    """Held in memory, so that a call costs no question, and goes on while the ledger is away for a moment.

    A key of the ledger that was not confirmed for ``stale_seconds`` may have been revoked: nobody can tell.
    """

    def __init__(
        self,
        of_file: Sequence[ApiKey],
        stale_seconds: float = 10.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._of_file = of_file
        self._of_ledger: dict[str, ApiKey] = {}
        self._complete = False
        self._stale_seconds = stale_seconds
        self._monotonic = monotonic
        self._told_at = 0.0

    @property
    def complete(self) -> bool:
        """Whether the ledger has told its keys yet."""
        return self._complete

    @property
    def stale(self) -> bool:
        """Whether the ledger's keys were confirmed too long ago to go by them."""
        return self._complete and self._monotonic() - self._told_at > self._stale_seconds

    def change(self, of_ledger: Iterable[ApiKey]) -> None:
        """These are keys of the ledger, as they are now."""
        self._of_ledger |= {key.key_id: key for key in of_ledger}

    def forget(self, key_ids: Iterable[str]) -> None:
        """These are none any more."""
        for key_id in key_ids:
            self._of_ledger.pop(key_id, None)

    def clear(self) -> None:
        """Nothing is known of the ledger's keys."""
        self._of_ledger = {}
        self._complete = False

    def told(self) -> None:
        """All of the ledger's keys are known as of now."""
        self._complete = True
        self._told_at = self._monotonic()

    def is_of_file(self, key: ApiKey) -> bool:
        """Whether it stands in this process's own file, which needs no ledger."""
        return any(key is one for one in self._of_file)

    def find(self, secret: str) -> ApiKey | None:
        """The key whose secret this is; the time taken does not tell how near a guess came."""
        digest = secret_keys.digest(secret)
        named = self._of_ledger.get(secret_keys.key_id(secret))
        found = None
        for key in (*self._of_file, *([named] if named else [])):
            if hmac.compare_digest(key.digest, digest):
                found = key
        return self._while_begun_by_one(found) if found and secret_keys.is_of_session(found.key_id) else found

    def _while_begun_by_one(self, session: ApiKey) -> ApiKey | None:
        """A session as long as the key that it was begun by is accepted."""
        begun_by = secret_keys.begun_by(session.key_id)
        parent = self._of_ledger.get(begun_by) if begun_by else self._in_file(session)
        if parent is None:
            return None
        ends = [key.expires_at for key in (session, parent) if key.expires_at is not None]
        return replace(session, expires_at=min(ends, default=None))

    def _in_file(self, session: ApiKey) -> ApiKey | None:
        """The file's key of that name, as long as it may do what the session may."""
        for key in self._of_file:
            mine, its = key.caller, session.caller
            if (mine.tenant_id, mine.actor) == (its.tenant_id, its.actor) and its.scopes <= mine.scopes:
                return key
        return None
