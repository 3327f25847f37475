"""All API keys that are accepted: those of a file, and those of the ledger, as it last told them."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from services.gateway.auth import ApiKey
from shared import secret_keys


class AcceptedKeys:
    """Held in memory, so that a call costs no question, and goes on while the ledger is away."""

    def __init__(self, of_file: Sequence[ApiKey]) -> None:
        self._of_file = of_file
        self._of_ledger: dict[str, ApiKey] = {}
        self._complete = False

    @property
    def complete(self) -> bool:
        """Whether the ledger has told its keys yet."""
        return self._complete

    def replace(self, of_ledger: Sequence[ApiKey]) -> None:
        """The ledger's keys from now on."""
        self._of_ledger = {key.key_id: key for key in of_ledger}
        self._complete = True

    def find(self, secret: str) -> ApiKey | None:
        """The key whose secret this is; the time taken does not tell how near a guess came."""
        digest = secret_keys.digest(secret)
        named = self._of_ledger.get(secret_keys.key_id(secret))
        found = None
        for key in (*self._of_file, *([named] if named else [])):
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found
