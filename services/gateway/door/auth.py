"""Who is calling: the tenant comes from the credential and from nothing else."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Protocol

from services.gateway.door.headers import Headers
from shared import secret_keys
from shared.clock import Clock
from shared.errors import Code, PulseError
from shared.net.own_pages import OwnPages
from shared.scopes import SCOPES

#: The tenant of everybody while credentials are off.
DEFAULT_TENANT = "default"

_SCHEME = "bearer "


@dataclass(frozen=True)
class Caller:
    """Whoever a call is made for."""

    tenant_id: str
    actor: str  # stands in timelines: the key's name
    scopes: frozenset[str]
    made_without_key: bool = False
    #: When the credential ends; None: never.
    expires_at: dt.datetime | None = None
    #: The credential's public name; empty: it has none, as those of a file.
    key_id: str = ""

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

    caller: Caller
    digest: bytes  # SHA-256 of the key
    key_id: str = ""  # the public part of it, if it has one
    expires_at: dt.datetime | None = None


class Keys(Protocol):
    """The keys that are accepted."""

    @property
    def complete(self) -> bool:
        """Whether a key that is not among them is none."""
        ...

    @property
    def stale(self) -> bool:
        """Whether too much time has passed since the ledger confirmed its keys."""
        ...

    def find(self, secret: str) -> ApiKey | None:
        """The key whose secret this is."""
        ...

    def is_of_file(self, key: ApiKey) -> bool:
        """Whether a key is known without the ledger."""
        ...


class Door(Protocol):
    """Tells who is calling."""

    def admit(self, headers: Headers) -> Caller:
        """The caller; UNAUTHENTICATED if that cannot be told."""
        ...


class OpenDoor:
    """Credentials are off: everybody is the default tenant, whatever they say, but for web pages of others."""

    _everybody = Caller(DEFAULT_TENANT, "anonymous", SCOPES, made_without_key=True)

    def __init__(self, own_pages: OwnPages) -> None:
        self._own_pages = own_pages

    def admit(self, headers: Headers) -> Caller:
        for host in headers.host:  # of calls through the edge alone: no browser makes others
            self._own_pages.check(host, headers.origin)
        return self._everybody


class KeyedDoor:
    """Every call needs an API key, as ``authorization: Bearer <key>`` or ``x-api-key: <key>``."""

    def __init__(self, keys: Keys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    def admit(self, headers: Headers) -> Caller:
        secret = _presented(headers)
        key = self._keys.find(secret)
        if self._keys.stale and secret_keys.key_id(secret) and not (key and self._keys.is_of_file(key)):
            raise PulseError(
                Code.UNAVAILABLE,
                "API_KEYS_STALE",
                "the ledger has not confirmed its API keys for a while, so that a revoked one could not be told",
                retry_after=1.0,
            )
        if key is None and not self._keys.complete and secret_keys.key_id(secret):
            raise PulseError(
                Code.UNAVAILABLE, "API_KEYS_UNKNOWN_YET", "the API key cannot be checked just now", retry_after=1.0
            )
        if key is None:
            raise _unauthenticated("API_KEY_UNKNOWN", "the API key is not known")
        if secret_keys.is_of_development(key.key_id):
            raise _unauthenticated(
                "API_KEY_OF_DEVELOPMENT",
                "the API key was made while no keys were asked for, by nobody knows whom: make another one",
            )
        if key.expires_at is not None and key.expires_at <= self._clock.now():
            raise _unauthenticated("API_KEY_EXPIRED", "the API key has expired")
        return key.caller


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
