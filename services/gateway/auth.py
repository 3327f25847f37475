"""Who is calling: the tenant comes from the credential and from nothing else."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.gateway.headers import Headers
from shared.errors import Code, PulseError

#: What a key may be allowed to do.
SCOPES = frozenset({"send", "read", "templates", "operate"})
#: The tenant of everybody while credentials are off.
DEFAULT_TENANT = "default"

_SCHEME = "bearer "


@dataclass(frozen=True)
class Caller:
    """Whoever a call is made for."""

    tenant_id: str
    actor: str  # stands in timelines: the key's name
    scopes: frozenset[str]

    def require(self, scope: str) -> Caller:
        """The caller again; PERMISSION_DENIED if the credential does not reach so far."""
        if scope not in self.scopes:
            raise PulseError(
                Code.PERMISSION_DENIED,
                "SCOPE_MISSING",
                f"the API key may not do this: it lacks the scope {scope!r}",
                metadata={"scope": scope},
            )
        return self


@dataclass(frozen=True)
class ApiKey:
    """A credential, known by its hash alone."""

    tenant_id: str
    name: str
    digest: bytes  # SHA-256 of the key
    scopes: frozenset[str]


class Door(Protocol):
    """Tells who is calling."""

    def admit(self, headers: Headers) -> Caller:
        """The caller; UNAUTHENTICATED if that cannot be told."""
        ...


class OpenDoor:
    """Credentials are off: everybody is the default tenant, whatever they say."""

    _everybody = Caller(DEFAULT_TENANT, "anonymous", SCOPES)

    def admit(self, headers: Headers) -> Caller:
        return self._everybody


class KeyedDoor:
    """Every call needs an API key, as ``authorization: Bearer <key>`` or ``x-api-key: <key>``."""

    def __init__(self, keys: Sequence[ApiKey]) -> None:
        self._callers = [(key.digest, Caller(key.tenant_id, key.name, key.scopes)) for key in keys]

    def admit(self, headers: Headers) -> Caller:
        digest = hashlib.sha256(_presented(headers).encode("utf-8", "replace")).digest()
        found = None
        # All are compared, so that the time taken does not tell how near a guess came.
        for known, caller in self._callers:
            if hmac.compare_digest(known, digest):
                found = caller
        if found is None:
            raise _unauthenticated("API_KEY_UNKNOWN", "the API key is not known")
        return found


def _presented(headers: Headers) -> str:
    bearers = [value for value in headers.authorization if value.lower().startswith(_SCHEME)]
    keys = {value[len(_SCHEME) :].strip() for value in bearers} | {value.strip() for value in headers.api_key}
    keys.discard("")
    if not keys:
        raise _unauthenticated("API_KEY_MISSING", "this needs an API key: authorization: Bearer <key>, or x-api-key")
    if len(keys) > 1:
        raise _unauthenticated("API_KEY_AMBIGUOUS", "more than one API key was sent")
    return keys.pop()


def _unauthenticated(reason: str, message: str) -> PulseError:
    return PulseError(Code.UNAUTHENTICATED, reason, message)
